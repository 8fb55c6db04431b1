"""What a stage keeps against a kill outlives it, and goes when the artifact is finished."""

from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest

from llmrec_bench import Stage
from llmrec_bench.artifacts import Artifacts, Manifest


class Slow(Stage):
    name: ClassVar[str] = "slow"
    version: ClassVar[str] = "1"

    def build(self, train: Any, out: Any, run: Any) -> None: ...


MANIFEST = Manifest(
    stage="slow",
    key="k",
    identity={},
    children={},
    dataset="any",
    training_fingerprint="any",
    cut="training",
    interactions=0,
    build_seconds=0.0,
    peak_memory_bytes=None,
    spending=[],
    log=[],
    provenance={},
)


def build_until_killed(artifacts: Artifacts, stage: Stage, scratch: Path) -> None:
    with artifacts.building(stage, "k") as out:
        assert out is not None
        scratch.mkdir()
        (scratch / "epoch.pt").write_text("half")
        (out / "half").write_text("")
        raise KeyboardInterrupt


def test_scratch_outlives_a_killed_build_and_ends_with_the_artifact(tmp_path):
    artifacts, stage = Artifacts(tmp_path / "artifacts"), Slow()
    scratch = artifacts.scratch(stage, "k")
    with pytest.raises(KeyboardInterrupt):
        build_until_killed(artifacts, stage, scratch)
    with artifacts.building(stage, "k") as out:
        assert list(out.iterdir()) == []
        assert (scratch / "epoch.pt").read_text() == "half"
        artifacts.finish(stage, out, MANIFEST, pd.DataFrame())
    assert not scratch.exists()
    assert artifacts.scratch(stage, "other key") != scratch
