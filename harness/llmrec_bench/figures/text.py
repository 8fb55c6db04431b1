"""Figures -> terminal, markdown, LaTeX, CSV or JSON."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich.console import Group, RenderableType

from llmrec_bench.figures import difference_text
from llmrec_bench.figures.figure import Case, Cases, Curves, Differences, Figure
from llmrec_bench.figures.one_line import one_line
from llmrec_bench.sheet import Sheet
from llmrec_bench.table_text import Format, cell_text, decimals_of

_TRAINING = "training data"
_SAYS = "says"


def render_figures(figures: Sequence[Figure], form: Format) -> str:
    """The figures as one text."""
    match form:
        case "terminal":
            raise ValueError("figures_view is for terminals")
        case "markdown":
            return "\n".join(sheet_of(figure).markdown() for figure in figures)
        case "latex":
            return "% needs \\usepackage{booktabs}\n" + "\n".join(sheet_of(figure).latex() for figure in figures)
        case "csv":
            return _csv(figures)
        case "json":
            return json.dumps([asdict(figure) for figure in figures], indent=1) + "\n"


def figures_view(figures: Sequence[Figure]) -> RenderableType:
    """What rich prints: each figure's numbers or cases with its notes below."""
    return Group(*map(sheet_of, figures))


def sheet_of(figure: Figure) -> Sheet:
    """Its numbers or cases as text."""
    heading = f"{one_line(figure.title) or figure.name}: {figure.dataset}"
    heading += " (simulated data)" if figure.simulated else ""
    if isinstance(figure, Cases):
        body = [
            [f"user {case.user}: {_marked(what, simulated)}", says]
            for case in figure.cases
            for what, simulated, says in _rows(case, figure)
        ]
        if not body:
            body = [["no case", "not run" if figure.gained is None else "no user is one"]]
        return Sheet(heading, ("case", _SAYS), body, figure.notes, left=(_SAYS,), wide=(_SAYS,))
    if isinstance(figure, Differences):
        headers = difference_text.headers_of(figure)
        return Sheet(heading, headers, difference_text.body_of(figure), figure.notes, left=())
    headers = ["method", *(part.label for part in figure.parts)]
    last_apart = figure.training is not None
    return Sheet(heading, headers, _body(figure), figure.notes, left=(), last_apart=last_apart)


def _body(figure: Curves) -> list[list[str]]:
    """The method and its cells as text, line by line; the last is the training data where they say something."""
    decimals = decimals_of([cell.mean for line in figure.lines for cell in line.cells])
    body = [
        [_marked(line.method, line.simulated), *(cell_text(cell, len(figure.seeds), decimals) for cell in line.cells)]
        for line in figure.lines
    ]
    if figure.training is not None:
        body.append([_TRAINING, *(f"{share:,.{decimals}f}" for share in figure.training)])
    return body


def _rows(case: Case, figure: Cases) -> Iterator[tuple[str, bool, str]]:
    """What a case shows: name, whether a simulated language model is behind it, and text."""
    earlier = f"({case.earlier:,} earlier); " if case.earlier else ""
    yield "latest history", False, earlier + "; ".join(case.history) if case.history else "none"
    yield "target", False, "; ".join(case.targets)
    for found in case.lists:
        place = f"not among the first {figure.cutoff}" if found.place is None else f"at place {found.place}"
        listed = "; ".join(f"{i}. {title}" for i, title in enumerate(found.titles or (), 1))
        says = "not run" if found.titles is None else f"{listed}; target {place}" if listed else "nothing"
        yield found.method, found.simulated, says
    for written in case.texts:
        says = "the text is not kept any more" if written.text is None else written.text or "nothing about this user"
        yield f"{written.stage} ({', '.join(written.methods)})", written.simulated, says


def _marked(name: str, simulated: bool) -> str:
    return f"{name} (simulated)" if simulated else name


def _csv(figures: Sequence[Figure]) -> str:
    """One row a cell, a line of a case, or a difference: every number by name, as a machine wants it. Columns for
    differences are there where a figure has any."""
    tests = any(isinstance(figure, Differences) for figure in figures)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["figure", "kind", "dataset", "simulated", "row", "part", "size", "least", "most", "measured", "mean", "std",
         "seeds", "seeds_planned", "status", "text", "protocol_hash", "data_fingerprint",
         *(difference_text.CSV_COLUMNS if tests else ())]
    )  # fmt: skip
    for figure in figures:
        for (simulated, *line), own in _csv_lines(figure):
            writer.writerow(
                [figure.name, figure.kind, figure.dataset, figure.simulated or simulated, *line, figure.protocol_hash,
                 figure.fingerprint, *(own or [None] * len(difference_text.CSV_COLUMNS) if tests else ())]
            )  # fmt: skip
    return out.getvalue()


def _csv_lines(figure: Figure) -> Iterator[tuple[list[object], list[object]]]:
    """What stands in the columns of all figures, and in those for differences."""
    if isinstance(figure, Differences):
        yield from difference_text.csv_lines(figure)
    else:
        for line in _case_lines(figure) if isinstance(figure, Cases) else _curve_lines(figure):
            yield line, []


def _curve_lines(figure: Curves) -> Iterator[list[object]]:
    seeds = len(figure.seeds)
    for line in figure.lines:
        for part, cell in zip(figure.parts, line.cells, strict=True):
            whose = [line.simulated, line.method, part.label, part.size, part.least, part.most, figure.measured]
            yield [*whose, cell.mean, cell.std, len(cell.values), seeds, cell.status, ""]
    for part, share in zip(figure.parts, figure.training or (), strict=False):  # no share where training has none
        whose = [False, _TRAINING, part.label, part.size, part.least, part.most, "share of training interactions"]
        yield [*whose, share, None, None, None, None, ""]


def _case_lines(figure: Cases) -> Iterator[list[object]]:
    for case in figure.cases:
        for what, simulated, says in _rows(case, figure):
            yield [simulated, what, case.user, *[None] * 6, None, len(figure.seeds), None, says]
