"""Numbers -> charts, each defined once as an Altair chart: `drawing` makes the page's SVG and the files of it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import altair as alt
import pandas as pd

from llmrec_bench.cost_text import seconds_text
from llmrec_bench.costs import CostTable
from llmrec_bench.figures.figure import Curves, Differences
from llmrec_bench.figures.one_line import one_line
from llmrec_bench.report.chart_numbers import CostPoint, Unit, shown_name
from llmrec_bench.report.palette import BLUE, COLOURS, INK, MUTED, PAPER, Looks
from llmrec_bench.tables.table import Table

_PLOT_WIDTH = 430
_OVERLAID = 8
"""So many lines can be told apart in one plot; more get a small one each."""
_END = len(" (simulated)") + 3
"""So much of the end of a long name is shown."""
_NAME_WIDTH = 0.2
"""Of a plot, about: a name needs so much room."""
_SEGMENTS = 7
"""So many steps of a cost bar have a colour of their own."""


@dataclass(frozen=True)
class Chart:
    """A drawing with what stands around it."""

    name: str
    """Of its files."""
    title: str
    lines: tuple[str, ...]
    """What a reader must know to read it, `simulated` first."""
    says: str
    """In words, for those who do not see it; its numbers are in the tables."""
    drawing: Any
    """An Altair chart without title, in the colours of `palette`."""


_MARK = "(simulated)"


def _simulated(data: bool, names: Iterable[str]) -> list[str]:
    """The first lines below the title of a chart: whether its data are made up, or what some of its methods rest on."""
    lines = ["SIMULATED data: made by a program, not observed."] if data else []
    if any(_MARK in name for name in names):
        lines.append(f"SIMULATED models: a program wrote what is behind all that is marked {_MARK}.")
    return lines


def draw_costs(
    table: Table, points: Sequence[CostPoint], unknown: Sequence[str], unit: Unit, looks: Looks, prices: Sequence[str]
) -> Chart:
    """The first metric of a table against what it took, with the methods that none beats at their cost."""
    metric = table.columns[0]
    labels, names = [p.method for p in points], [p.name for p in points]
    rows = pd.DataFrame([asdict(p) | {"label": side} for p, side in zip(points, _sides(points, unit), strict=True)])
    scale = alt.Scale(type="linear", zero=True) if unit == "USD" else alt.Scale(type="log", nice=False, padding=12)
    title = "US dollars at list price" if unit == "USD" else "seconds for stages, fit and answers (log scale)"
    axis = alt.Axis(format="~g", tickCount=6, grid=False)
    x = alt.X("cost:Q", title=title, scale=scale, axis=axis)
    y = alt.Y("value:Q", title=metric, scale=alt.Scale(zero=False, padding=12))
    legend = alt.Legend(title=None, orient="bottom", columns=3, **_shortened(28))
    base = alt.Chart(rows)
    dots = base.mark_point(filled=True, size=75, opacity=1, strokeWidth=1.5).encode(
        x=x,
        y=y,
        color=alt.Color("name:N", scale=alt.Scale(domain=names, range=looks.colours(labels)), legend=legend),
        shape=alt.Shape("name:N", scale=alt.Scale(domain=names, range=looks.shapes(labels)), legend=legend),
    )
    layers: list[Any] = [dots]
    front = base.transform_filter("datum.front")
    if any(p.front for p in points):
        layers.insert(
            0, front.mark_line(color=MUTED, strokeDash=[4, 3], interpolate="step-after").encode(x="cost:Q", y="value:Q")
        )
        for side in ("left", "right"):
            words = front.transform_filter(alt.datum.label == side)
            text = words.mark_text(align=side, dx=8 if side == "left" else -8, dy=-9, color=INK)
            layers.append(text.encode(x="cost:Q", y="value:Q", text="name:N"))
    bounds = [p.name for p in points if p.at_least]
    if bounds:  # an arrow: the true cost lies further on
        mark = base.transform_filter("datum.at_least").mark_text(text="→", dx=12, dy=1, fontSize=14, color=MUTED)
        layers.append(mark.encode(x="cost:Q", y="value:Q"))
    lines = _simulated(table.simulated, [*names, *unknown])
    lines.append("Mean over trials of each method standing alone, stages included.")
    if any(p.front for p in points):
        lines.append("Dashed: no other method is better at the same or a lower cost (the Pareto front).")
    if bounds:
        lines.append(
            "→ at least this cost, so never on the front, as answers of language models tell no seconds: "
            f"{', '.join(bounds)}."
        )
    if unknown:
        lines.append(f"Left out, cost not known: {', '.join(unknown)}.")
    lines += [f"Price: {price}." for price in prices] if unit == "USD" else []
    on_front = [p.name for p in sorted(points, key=_cost) if p.front]
    says = f"Scatter plot of {metric} against {title} for {len(points)} methods."
    says += f" On the Pareto front, cheapest first: {', '.join(on_front)}." if on_front else ""
    return Chart(
        f"cost-{unit.lower()}-{table.dataset}",
        f"{metric} against cost: {table.dataset}",
        tuple(lines),
        says,
        alt.layer(*layers).properties(width=_PLOT_WIDTH, height=300),
    )


def _cost(point: CostPoint) -> float:
    return point.cost


def _sides(points: Sequence[CostPoint], unit: Unit) -> list[str]:
    """How the name of each point on the front is aligned, so that it stays inside the plot; none where the next point
    is too close to write it out: the legend has it."""
    at = {p.method: p.cost if unit == "USD" else math.log(p.cost) for p in points}
    low, high = min(at.values()), max(at.values())
    front = sorted(at[p.method] for p in points if p.front)
    sides = []
    for p in points:
        right = at[p.method] > (low + high) / 2
        beyond = [place for place in front if place > at[p.method]]
        crowded = not right and bool(beyond) and beyond[0] - at[p.method] < _NAME_WIDTH * (high - low)
        sides.append("none" if crowded else "right" if right else "left")
    return sides


def draw_spread(table: Table, looks: Looks) -> Chart:
    """The first metric of each method, a dot for each seed and a bar for their mean."""
    metric = table.columns[0]
    names = [shown_name(row) for row in table.rows]
    rows = pd.DataFrame(
        [
            {"name": shown_name(row), "seed": str(seed), "value": value, "mean": row.cells[0].mean}
            for row in table.rows
            for seed, value in row.cells[0].values.items()
        ]
    )
    y = alt.Y("name:N", sort=names, title=None, axis=alt.Axis(grid=True, domain=False, ticks=False, **_shortened(46)))
    base = alt.Chart(rows).encode(y=y)
    x = alt.X("value:Q", title=metric, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=7))
    labels = [row.method for row in table.rows]
    colours = alt.Scale(domain=names, range=looks.colours(labels))
    shapes = alt.Scale(domain=names, range=looks.shapes(labels))
    layers = [
        base.mark_tick(color=INK, thickness=2, size=15).encode(x=alt.X("mean:Q")),
        base.mark_point(filled=False, size=42, opacity=1, strokeWidth=1.3).encode(
            x=x,
            color=alt.Color("name:N", scale=colours, legend=None),
            shape=alt.Shape("name:N", scale=shapes, legend=None),
        ),
    ]
    lines = _simulated(table.simulated, names)
    lines.append("A mark for each seed, an upright bar for their mean.")
    level = table.chance[0]
    if level is not None:
        rule = alt.Chart(pd.DataFrame([{"level": level}])).mark_rule(color=MUTED, strokeDash=[4, 3])
        layers.insert(0, rule.encode(x="level:Q"))
        lines.append("Dashed: what a random order of the candidates gets.")
    said = "; ".join(
        f"{shown_name(row)} {min(values):.4f} to {max(values):.4f}"
        for row in table.rows
        if (values := list(row.cells[0].values.values()))
    )
    return Chart(
        f"seeds-{table.dataset}",
        f"{metric} by seed: {table.dataset}",
        tuple(lines),
        f"Dot plot of {metric}, one row a method, from its lowest to its highest seed: {said}.",
        alt.layer(*layers).properties(width=_PLOT_WIDTH, height=alt.Step(19)),
    )


def draw_cost_split(costs: CostTable, names: Mapping[str, str], simulated: bool) -> Chart:
    """The seconds of each method by step, stages first."""
    last = ("fit", "ranking", "explaining")  # a method's stages come before them
    steps = list(dict.fromkeys(_step(row.step, row.simulated) for row in costs.rows))
    steps.sort(key=lambda step: last.index(kind) + 1 if (kind := step.partition(":")[0]) in last else 0)
    kept = steps if len(steps) <= _SEGMENTS else steps[: _SEGMENTS - 3] + steps[-2:]
    shown = [*(["other steps"] if len(kept) < len(steps) else []), *kept]
    rows = []
    for row in costs.rows:
        step = _step(row.step, row.simulated)
        step = step if step in kept else "other steps"
        rows.append({"name": names[row.method], "step": step, "seconds": row.seconds or 0.0, "at": shown.index(step)})
    order = list(dict.fromkeys(str(row["name"]) for row in rows))
    drawing = (
        alt.Chart(pd.DataFrame(rows))
        .mark_bar(stroke=PAPER, strokeWidth=0.8, height={"band": 0.72})
        .encode(
            y=alt.Y("name:N", sort=order, title=None, axis=alt.Axis(ticks=False, domain=False, **_shortened(46))),
            x=alt.X("sum(seconds):Q", title="seconds, mean over trials", stack="zero"),
            order=alt.Order("at:Q"),
            color=alt.Color(
                "step:N",
                sort=shown,
                scale=alt.Scale(domain=shown, range=list(COLOURS[: len(shown)])),
                legend=alt.Legend(title=None, orient="bottom", columns=1, **_shortened(64)),
            ),
        )
        .properties(width=_PLOT_WIDTH, height=alt.Step(19))
    )
    unknown = dict.fromkeys(names[row.method] for row in costs.rows if row.seconds is None)
    lines = _simulated(simulated, [*order, *steps])
    lines.append("Seconds of language models are those of their calls, one after another, when they were asked.")
    if unknown:
        lines.append(f"More than shown, as answers tell no seconds: {', '.join(list(unknown))}.")
    sums = {name: sum(float(str(row["seconds"])) for row in rows if row["name"] == name) for name in order}
    return Chart(
        f"cost-split-{costs.dataset}",
        f"Seconds by step: {costs.dataset}",
        tuple(lines),
        "Stacked bars of seconds, one bar a method: "
        + "; ".join(f"{name} {seconds_text(seconds)} s" for name, seconds in sums.items())
        + ".",
        drawing,
    )


def _step(step: str, simulated: bool) -> str:
    return f"{step} (simulated)" if simulated else step


def draw_popularity(table: Table, rows: Sequence[Mapping[str, object]], cutoff: int, looks: Looks) -> Chart:
    """Where the places of lists go, by popularity rank, beside where the training interactions are."""
    frame = pd.DataFrame(list(rows))
    bins = list(dict.fromkeys(frame["bin"]))
    lines = _simulated(table.simulated, frame["name"])
    lines += [
        f"Share of the first {cutoff} places of all lists that goes to items of these ranks, mean over seeds; rank 1 "
        "has the most training interactions, and each step of the axis doubles the rank.",
        "Dashed: the share of the training interactions.",
    ]
    heads = frame[frame["bin"].isin(bins[:4])].groupby("name", sort=False)["share"].sum()
    said = "; ".join(f"{name} {share:.0%}" for name, share in heads.items())
    last = bins[min(3, len(bins) - 1)].rpartition("–")[2]
    return Chart(
        f"popularity-{table.dataset}",
        f"Places in lists by popularity rank: {table.dataset}",
        tuple(lines),
        f"Line plots, one a method, of the share of places by popularity rank. To items of ranks 1 to {last} go: "
        f"{said}; of the training interactions {float(frame.drop_duplicates('bin')['training'].head(4).sum()):.0%}.",
        _panels(frame, "bin", bins, "popularity rank", "share", "training", looks, ".0%", shares=True),
    )


def draw_activity(figure: Curves, looks: Looks) -> Chart:
    """A metric by group of users, from the least to the most active."""
    parts = [part.label for part in figure.parts]
    rows = [
        {"method": line.method, "name": f"{line.method} (simulated)" if line.simulated else line.method,
         "part": part, "value": cell.mean}
        for line in figure.lines
        for part, cell in zip(parts, line.cells, strict=True)
        if cell.mean is not None
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    frame["average"] = frame.groupby("part")["value"].transform("mean")
    lines = _simulated(figure.simulated, frame["name"])
    lines.append("Users by training interactions: " + "; ".join(part.describe("users") for part in figure.parts) + ".")
    title = "users, from the least to the most active"
    if len(figure.lines) > _OVERLAID:
        lines.append("Dashed: the mean of all methods shown.")
        drawing = _panels(frame, "part", parts, title, "value", "average", looks, "~g")
    else:
        drawing = _overlaid(frame, alt.X("part:N", sort=parts, title=title, axis=alt.Axis(labelAngle=0)),
                            figure.measured, looks)  # fmt: skip
    least = "; ".join(f"{row['name']} {row['value']:.4f}" for row in rows if row["part"] == parts[0])
    return Chart(
        f"activity-{figure.name}-{figure.dataset}",
        f"{figure.measured} by activity of users: {figure.dataset}",
        tuple(lines),
        f"Line plot of {figure.measured} by group of users. In the least active group: {least}.",
        drawing,
    )


def draw_option(table: Table, option: str, points: Sequence[tuple[str, str, float, float]], looks: Looks) -> Chart:
    """The first metric by the value of an option that a grid varies."""
    metric = table.columns[0]
    frame = pd.DataFrame(points, columns=["name", "method", "option", "value"])
    frame["method"] = frame.groupby("name")["method"].transform("first")
    said = "; ".join(f"{name} at {at:g}: {value:.4f}" for name, _, at, value in points)
    return Chart(
        f"option-{option}-{table.dataset}",
        f"{metric} by {option}: {table.dataset}",
        (*_simulated(table.simulated, frame["name"]), f"Rows of a grid over '{option}', mean over seeds."),
        f"Line plot of {metric} by {option}. {said}.",
        _overlaid(frame, alt.X("option:Q", title=option, scale=alt.Scale(zero=False, padding=10)), metric, looks),
    )


def draw_differences(figure: Differences) -> Chart:
    """A forest plot: each pair's mean difference with its 95 % interval."""
    rows = []
    for row in figure.rows:
        names = [f"{label} (simulated)" if label in row.simulated else label for label in (row.first, row.second)]
        found = row.p_corrected is not None and row.p_corrected < 0.05
        rows.append(
            {
                "pair": " − ".join(names),
                "mean": row.mean,
                "low": row.low,
                "high": row.high,
                "found": "p < 0.05, corrected" if found else "p ≥ 0.05, corrected",
            }
        )
    shown = [row for row in rows if row["mean"] is not None]
    frame = pd.DataFrame(shown)
    y = alt.Y("pair:N", sort=[str(row["pair"]) for row in rows], title=None,
              axis=alt.Axis(ticks=False, domain=False, **_shortened(80)))  # fmt: skip
    base = alt.Chart(frame).encode(y=y)
    kinds = ["p < 0.05, corrected", "p ≥ 0.05, corrected"]
    x = alt.X(
        "mean:Q", title=f"difference in {figure.measured}, 95 % interval", axis=alt.Axis(format="~g", tickCount=6)
    )
    dots = base.mark_point(filled=True, size=60, opacity=1).encode(
        x=x,
        color=alt.Color("found:N", scale=alt.Scale(domain=kinds, range=[BLUE, MUTED]),
                        legend=alt.Legend(title=None, orient="bottom")),
        shape=alt.Shape("found:N", scale=alt.Scale(domain=kinds, range=["square", "circle"])),
    )  # fmt: skip
    zero = alt.Chart(pd.DataFrame([{"at": 0}])).mark_rule(color=INK).encode(x="at:Q")
    bars = base.mark_rule(color=MUTED, strokeWidth=1.6).encode(x="low:Q", x2="high:Q")
    said = "; ".join(
        f"{row['pair']} {row['mean']:+.4f}"
        + ("" if row["low"] is None or row["high"] is None else f" ({row['low']:+.4f} to {row['high']:+.4f})")
        for row in shown
    )
    lines = _simulated(figure.simulated, [str(row["pair"]) for row in rows])
    lines.append(f"The first method minus the second; {figure.family} tests, corrected together by Holm.")
    return Chart(
        f"differences-{figure.name}-{figure.dataset}",
        f"{one_line(figure.title) or figure.name}: {figure.dataset}",
        tuple(lines),
        f"Forest plot of differences in {figure.measured}: {said}.",
        alt.layer(zero, bars, dots).properties(width=_PLOT_WIDTH, height=alt.Step(20)),
    )


def _overlaid(frame: pd.DataFrame, x: alt.X, measured: str, looks: Looks) -> Any:
    """A line for each name, over one another."""
    pairs = frame.drop_duplicates("name")
    labels, names = pairs["method"].tolist(), pairs["name"].tolist()
    legend = alt.Legend(title=None, **_shortened(36))
    base = alt.Chart(frame).encode(
        x=x,
        y=alt.Y("value:Q", title=measured, scale=alt.Scale(zero=False, padding=8)),
        color=alt.Color("name:N", scale=alt.Scale(domain=names, range=looks.colours(labels)), legend=legend),
    )
    shape = alt.Shape("name:N", scale=alt.Scale(domain=names, range=looks.shapes(labels)), legend=legend)
    return alt.layer(
        base.mark_line(strokeWidth=1.6), base.mark_point(filled=True, size=60, opacity=1).encode(shape=shape)
    ).properties(width=_PLOT_WIDTH, height=260)


def _panels(
    frame: pd.DataFrame,
    along: str,
    order: Sequence[str],
    title: str,
    value: str,
    reference: str,
    looks: Looks,
    number: str,
    shares: bool = False,
) -> Any:
    """A small plot for each name with the same axes, its line over a dashed one that all may be compared with."""
    pairs = frame.drop_duplicates("name")
    labels, names = pairs["method"].tolist(), pairs["name"].tolist()
    axis = alt.Axis(labelAngle=-60 if shares else 0, labelOverlap=False, grid=False)
    base = alt.Chart(frame).encode(x=alt.X(f"{along}:O", sort=list(order), title=None, axis=axis))
    scale = alt.Scale(zero=shares)
    y = alt.Y(f"{value}:Q", title=None, scale=scale, axis=alt.Axis(format=number, tickCount=4))
    color = alt.Color("name:N", scale=alt.Scale(domain=names, range=looks.colours(labels)), legend=None)
    shape = alt.Shape("name:N", scale=alt.Scale(domain=names, range=looks.shapes(labels)), legend=None)
    layers = (
        base.mark_line(color=MUTED, strokeDash=[4, 3], strokeWidth=1.2).encode(
            y=alt.Y(f"{reference}:Q", title=None, scale=scale)
        ),
        base.mark_line(strokeWidth=1.6).encode(y=y, color=color),
        base.mark_point(filled=True, size=26, opacity=1).encode(y=y, color=color, shape=shape),
    )
    head = alt.Header(title=None, **_shortened(28), labelFontSize=11, labelPadding=2)
    return (
        alt.layer(*layers)
        .properties(width=170, height=90)
        .facet(facet=alt.Facet("name:N", sort=names, header=head), columns=3, spacing=14)
        .properties(title=alt.TitleParams(title, orient="bottom", fontSize=11, fontWeight="normal", anchor="middle"))
    )


def _shortened(size: int) -> dict[str, Any]:
    """Options of labels: of those longer than so many characters the middle is left out, as the end may say
    `(simulated)`."""
    label = "datum.label"
    middle = f"slice({label}, 0, {size - _END - 1}) + '…' + slice({label}, -{_END})"
    return {"labelExpr": f"length({label}) > {size} ? {middle} : {label}", "labelLimit": 0}
