"""Charts -> SVG in the page's own colours, and SVG, PNG and PDF files."""

import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from llmrec_bench.errors import BenchError
from llmrec_bench.figures.one_line import one_line
from llmrec_bench.report.charts import Chart
from llmrec_bench.report.palette import GRID, INK, MUTED, PAPER, VARIABLES

FORMS = ("svg", "png", "pdf")
"""Of chart files."""

_FONT = "sans-serif"
_CONFIG: dict[str, Any] = {
    "font": _FONT,
    "background": "transparent",
    # The page's font may be wider than the one that texts are measured with.
    "padding": {"left": 22, "right": 24, "top": 5, "bottom": 5},
    "view": {"stroke": None},
    "axis": {
        "labelColor": INK, "titleColor": INK, "titleFontWeight": "normal", "gridColor": GRID, "domainColor": MUTED,
        "tickColor": MUTED, "labelFontSize": 11, "titleFontSize": 12, "labelLimit": 260, "titlePadding": 10,
    },
    "legend": {"labelColor": INK, "titleColor": INK, "labelFontSize": 11, "labelLimit": 240, "symbolSize": 70,
               "columnPadding": 22, "symbolLimit": 0},
    "header": {"labelColor": INK, "titleColor": INK},
    "title": {"color": INK, "subtitleColor": MUTED, "anchor": "start", "fontSize": 14, "subtitleFontSize": 11},
}  # fmt: skip
_TAGS = {"svg", "g", "path", "line", "rect", "text", "tspan", "clipPath", "defs"}
_ATTRIBUTES = {
    *("width", "height", "viewBox", "transform", "d", "x", "y", "x1", "x2", "y1", "y2", "fill", "stroke", "opacity"),
    *("fill-opacity", "stroke-opacity", "stroke-width", "stroke-dasharray", "stroke-miterlimit", "stroke-linecap"),
    *("stroke-linejoin", "text-anchor", "font-size", "font-weight", "font-style", "clip-path", "id"),
}
_COLOURED = ("fill", "stroke")
_SPACE = "{http://www.w3.org/2000/svg}"


def svg_for_page(chart: Chart, prefix: str) -> str:
    """The chart without its title as an element to stand in HTML: nothing but shapes and texts, colours as variables.

    `prefix` goes before its ids, so that those of several charts do not meet.
    """
    root = ElementTree.fromstring(_svg(_one_lined(chart.drawing.to_dict())))
    _keep_shapes(root)
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SPACE)
        kept = {name: value for name, value in element.attrib.items() if name in _ATTRIBUTES}
        for name in _COLOURED:
            if kept.get(name, "").lower() in VARIABLES:
                kept[name] = f"var({VARIABLES[kept[name].lower()]})"
        if "id" in kept:
            kept["id"] = f"{prefix}-{kept['id']}"
        if "clip-path" in kept:
            kept["clip-path"] = kept["clip-path"].replace("url(#", f"url(#{prefix}-")
        for name in ("transform", "d"):
            if name in kept:
                kept[name] = re.sub(r"-?\d+\.\d{2,}", lambda found: f"{float(found[0]):.1f}", kept[name])
        element.attrib.clear()
        element.attrib.update(kept)
    root.attrib.update({"role": "img", "aria-label": one_line(chart.says)})
    return ElementTree.tostring(root, encoding="unicode")


def _keep_shapes(parent: ElementTree.Element) -> None:
    """Drop what is no shape or text, and shapes without a size."""
    for child in list(parent):
        empty = child.tag == f"{_SPACE}path" and child.get("d", "") in ("", "M0,0h0v0h0Z")
        if child.tag.removeprefix(_SPACE) not in _TAGS or empty:
            parent.remove(child)
        else:
            _keep_shapes(child)


def write_files(charts: Sequence[Chart], folder: Path) -> list[Path]:
    """Each chart with its title as SVG, PNG and PDF on white. Raises `BenchError` where the folder cannot be
    written."""
    import vl_convert

    written: list[Path] = []
    names: dict[str, int] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for chart in charts:
            spec = _titled(chart)
            config = {**_CONFIG, "background": PAPER}
            stem = re.sub(r"[^a-z0-9.]+", "-", chart.name.lower()).strip("-.") or "chart"
            names[stem] = names.get(stem, 0) + 1
            stem = stem if names[stem] == 1 else f"{stem}-{names[stem]}"  # labels may differ in signs only
            forms: dict[str, bytes] = {
                "svg": vl_convert.vegalite_to_svg(spec, config=config, allowed_base_urls=[]).encode(),
                "png": vl_convert.vegalite_to_png(spec, config=config, scale=2, allowed_base_urls=[]),
                "pdf": vl_convert.vegalite_to_pdf(spec, config=config, allowed_base_urls=[]),
            }
            for form in FORMS:
                path = folder / f"{stem}.{form}"
                path.write_bytes(forms[form])
                written.append(path)
    except OSError as error:
        raise BenchError(f"{folder}: cannot be written ({error.strerror or error}); choose --charts DIR") from None
    return written


def _svg(spec: dict[str, Any]) -> str:
    import vl_convert

    return vl_convert.vegalite_to_svg(spec, config=_CONFIG, allowed_base_urls=[])


def _one_lined(value: Any) -> Any:
    """A specification whose texts no SVG trips over."""
    if isinstance(value, dict):
        return {_one_lined(key): _one_lined(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_one_lined(inner) for inner in value]
    return one_line(value) if isinstance(value, str) else value


def _titled(chart: Chart) -> dict[str, Any]:
    """The chart's specification with title and lines above."""
    import altair as alt

    lines = [part for line in chart.lines for part in textwrap.wrap(one_line(line), 92)]
    title = alt.TitleParams(one_line(chart.title), subtitle=lines, offset=12)
    return _one_lined(alt.vconcat(chart.drawing).properties(title=title).to_dict())
