"""Plan -> report.html and chart files; two runs -> a page."""

import importlib.util
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from llmrec_bench.compare.comparison import RunComparison
from llmrec_bench.compare.text import heads_of, sheets_of
from llmrec_bench.errors import BenchError
from llmrec_bench.execute.run import progress_of, searches_of
from llmrec_bench.plan import Plan
from llmrec_bench.store import Store

_PACKAGES = ("altair", "jinja2", "vl_convert")


def write_report(plan: Plan, store: Store, out: Path, charts: Path | None = None) -> Iterator[str]:
    """Write the page, and each chart in three forms where `charts` names a folder; tells a line of each.

    Raises `BenchError` where a package or a stored file is missing, or the disk does not take what is written.
    """
    _need_packages()
    from llmrec_bench.report.drawing import write_files
    from llmrec_bench.report.html import build_page, render_page

    progress = progress_of(plan, store)
    page = build_page(plan, progress, searches_of(plan, store), store, datetime.now(UTC))
    text = render_page(page)
    _write(out, text)
    finished = sum(p.state == "finished" for p in progress)
    yield f"{out}: {finished} of {len(progress)} trials finished, {len(text.encode()) / 1e6:.1f} MB"
    if charts is not None:
        written = write_files(page.all_charts, charts)
        yield f"{charts}: {len(page.all_charts)} charts, {len(written)} files"


def write_comparison(found: RunComparison, out: Path) -> str:
    """Write the page of two runs side by side; tells where it is.

    Raises `BenchError` where a package is missing, or the disk does not take what is written.
    """
    _need_packages()
    from llmrec_bench.report.grid import grid_of_sheet
    from llmrec_bench.report.template import render_template

    text = render_template(
        "comparison.html",
        found=found,
        heads=list(heads_of(found)),
        grids=[grid_of_sheet(sheet) for sheet in sheets_of(found)],
        made_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        version=version("llmrec-bench"),
    )
    _write(out, text)
    return f"{out}: written"


def _need_packages() -> None:
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise BenchError(f"a page needs {', '.join(missing)}; pip install 'llmrec-bench[report]'")


def _write(out: Path, text: str) -> None:
    """Aside and renamed, so that a reader never sees half of it."""
    aside = out.parent / f".aside-{out.name}-{os.getpid()}"
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(out)
    except OSError as error:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise BenchError(f"{out}: cannot be written ({error.strerror or error}); choose another file") from None
