"""What the kit lends to a method under check is lent as in a trial."""

import gc
import sys
from pathlib import Path
from typing import Any

import pytest

from llmrec_bench import BenchError, Method
from llmrec_bench.plugins import installed_catalog
from llmrec_bench.testing import fit_to_tiny_data
from llmrec_bench.testing.tiny_data import tiny_split
from llmrec_bench.testing.workshop import Workshop

sys.path.insert(0, str(Path(__file__).parent))

from broken_language_models import SoundModel
from broken_stages import SoundStage


class Reader(Method):
    """Reads what a stage has built."""

    name = "reader"
    version = "1"

    class Config(Method.Config):
        lengths: SoundStage = SoundStage()
        """What it reads."""

    wanted: SoundStage | None = None

    def fit(self, train: Any, run: Any) -> None:
        self.read = (run.artifact(self.wanted or self.config.lengths) / "lengths.txt").read_text()

    def score(self, queries: Any) -> Any: ...


class OtherStage(SoundStage):
    """Nobody's option."""

    name = "other-stage"


def test_a_stage_that_is_none_of_the_options_is_refused(tmp_path: Path) -> None:
    reader = Reader(Reader.Config())
    fit_to_tiny_data(reader, tmp_path)
    assert len(reader.read.split()) == 30
    reader.wanted = OtherStage()
    with pytest.raises(BenchError, match=r"stage 'other-stage' \(\w+\) is none of the options"):
        fit_to_tiny_data(reader, tmp_path)


def test_a_model_is_opened_once_for_a_fit_and_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Any] = []
    monkeypatch.setattr(SoundModel, "close", lambda self: closed.append(self))
    catalog = installed_catalog()
    monkeypatch.setitem(catalog.language_models, "sound-model", SoundModel)
    workshop = Workshop(catalog, tmp_path)
    run = workshop.run(tiny_split(), 1, Method.Config())
    assert run.llm(SoundModel.Config()) is run.llm(SoundModel.Config())
    assert closed == []
    workshop.close()
    assert len(closed) == 1


class Asker(Method):
    """Asks while it scores."""

    name = "asker"
    version = "1"

    def fit(self, train: Any, run: Any) -> None:
        self.model = run.llm(SoundModel.Config())

    def score(self, queries: Any) -> Any: ...


def test_a_fitted_method_may_ask_as_long_as_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Any] = []
    monkeypatch.setattr(SoundModel, "close", lambda self: closed.append(self))
    monkeypatch.setitem(installed_catalog().language_models, "sound-model", SoundModel)
    asker = Asker(Asker.Config())
    fit_to_tiny_data(asker, tmp_path)
    gc.collect()
    assert closed == []
    del asker
    gc.collect()
    assert len(closed) == 1
