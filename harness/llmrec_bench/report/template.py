"""Templates -> HTML that loads nothing: no request, no script or style but its own."""

import base64
import hashlib
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from llmrec_bench.cost_text import duration_text, money_text, seconds_text
from llmrec_bench.figures.one_line import printable
from llmrec_bench.report.grid import ALWAYS_TOLD


def render_template(name: str, **values: Any) -> str:
    """A page as HTML. Text among the values is escaped, and its control characters are spelt out."""
    environment = Environment(
        loader=PackageLoader("llmrec_bench.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(duration=duration_text, money=money_text, seconds=seconds_text, mebibytes=_mebibytes)
    environment.globals["always_told"] = ALWAYS_TOLD
    style, script = _asset("page.css"), _asset("page.js")
    return environment.get_template(name).render(
        **values,
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _asset(name: str) -> str:
    return files("llmrec_bench.report").joinpath("page", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What a Content-Security-Policy names an inline script or style by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _printable(value: Any) -> Any:
    return printable(value) if type(value) is str else value


def _mebibytes(size: int | None) -> str:
    return "n/a" if size is None else f"{size / 2**20:,.0f} MiB"
