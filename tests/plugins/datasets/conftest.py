"""Small files to read, and the real data where they are."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a text under a name into the test's folder; a name in `.gz` is gzipped."""

    def write_text(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        encoded = text.encode()
        path.write_bytes(gzip.compress(encoded) if name.endswith(".gz") else encoded)
        return path

    return write_text


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets; skips where there is none."""
    beside_checkout = Path(__file__).parents[3].parent / "shared" / "data"
    folder = Path(os.environ.get("LLMREC_BENCH_DATA") or beside_checkout)
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is not there; set LLMREC_BENCH_DATA")
    return folder
