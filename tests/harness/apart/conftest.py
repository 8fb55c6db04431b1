"""A virtual environment that sees this one's packages and, as this one does not, a plugin of its own."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parent / "fading"

Bench = Callable[..., subprocess.CompletedProcess[str]]


def make_environment(folder: Path, plugin: Path | None = PLUGIN) -> Path:
    """Its folder of packages."""
    venv.create(folder, with_pip=False, symlinks=True)
    [packages] = folder.glob("lib/python*/site-packages")
    here = sysconfig.get_path("purelib")
    (packages / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    if plugin is not None:
        shutil.copytree(plugin, packages, dirs_exist_ok=True)
    return packages


@pytest.fixture(scope="session")
def make() -> Callable[..., Path]:
    return make_environment


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the plugin `fading`; tests leave it as it is."""
    folder = tmp_path_factory.mktemp("apart") / "env"
    make_environment(folder)
    return folder


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    def call(*arguments: str | Path, **extra: str) -> subprocess.CompletedProcess[str]:
        words = [*map(str, arguments), "--results", str(tmp_path / "results")]
        return subprocess.run(
            [sys.executable, "-m", "llmrec_bench.cli", *words],
            env={**os.environ, "HF_HUB_OFFLINE": "1", **extra},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return call
