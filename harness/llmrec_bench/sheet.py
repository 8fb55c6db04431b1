"""A table whose cells are text already -> terminal, markdown or LaTeX."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table as Grid
from rich.text import Text
from tabulate import tabulate

_BORDERS = 3  # of a column: a line and two blanks
Mark = Literal["best", "second"]
_STYLES: dict[Mark | None, str] = {"best": "bold", "second": "underline"}
_PARAGRAPH = r"p{0.6\linewidth}"
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "|": r"\textbar{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "[": "{[}",  # at the start of a row it would belong to the line break before
    "±": r"$\pm$",
    "≈": r"$\approx$",
}


@dataclass(frozen=True)
class Sheet:
    """A heading, rows of cells and notes. A rich console prints it as it is: where the terminal is narrow the columns
    are spread over several grids, as rich would cut them off."""

    heading: str
    headers: Sequence[str]
    body: Sequence[Sequence[str]]
    notes: Sequence[str]
    left: Sequence[str]
    """Headers of the columns that hold words; the first column does in any case."""
    narrowest: int = 12
    """How narrow the first column may become on a terminal; its words then fold."""
    last_apart: bool = False
    """Rules off the last row."""
    wide: Sequence[str] = ()
    """Headers of the columns of whole sentences, which get what room there is and fold."""
    marks: Mapping[tuple[int, int], Mark] = field(default_factory=dict)
    """The best and second best, by row and column: bold and underlined where they stand."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self.heading, style="bold")
        yield from self._grids(options.max_width)
        yield Text("\n".join(self.notes) + "\n", style="dim")

    def markdown(self) -> str:
        """With the notes as a list below."""
        body = self._marked(_markdown, {"best": "**{}**", "second": "<ins>{}</ins>"})
        grid = tabulate(body, headers=self.headers, tablefmt="pipe", disable_numparse=True, colalign=self._alignment())
        notes = "\n".join(f"- {_markdown(note)}" for note in self.notes)
        return f"**{_markdown(self.heading)}**\n\n{grid}\n\n{notes}\n"

    def latex(self) -> str:
        """A table environment with booktabs rules, the notes below the tabular."""
        body = self._marked(_latex, {"best": r"\textbf{{{}}}", "second": r"\underline{{{}}}"})
        headers = [_latex(text) for text in self.headers]
        align = self._alignment()
        grid = tabulate(body, headers=headers, tablefmt="latex_raw", disable_numparse=True, colalign=align)
        lines = [line for line in grid.splitlines() if line != r"\hline"]
        kinds = [_PARAGRAPH if self._is_wide(i) else side[0] for i, side in enumerate(align)]
        lines[:1] = [rf"\begin{{tabular}}{{{''.join(kinds)}}}", r"\toprule"]
        lines[3:3] = [r"\midrule"]
        if self.last_apart:
            lines[-2:-2] = [r"\midrule"]
        lines[-1:-1] = [r"\bottomrule"]
        notes = "\n".join(rf"\par\footnotesize {_latex(note)}" for note in self.notes)
        caption = rf"\caption{{{_latex(self.heading)}}}"
        return "\n".join([r"\begin{table}", r"\centering", caption, *lines, notes, r"\end{table}", ""])

    def _marked(self, escape: Callable[[str], str], forms: Mapping[Mark, str]) -> list[list[str]]:
        """The body as text of a form, what is marked in a dress of its own."""

        def dressed(text: str, mark: Mark | None) -> str:
            number, blank, rest = escape(text).partition(" ")  # the spread behind a number is not dressed
            return number + blank + rest if mark is None else forms[mark].format(number) + blank + rest

        return [
            [dressed(text, self.marks.get((i, j))) for j, text in enumerate(row)] for i, row in enumerate(self.body)
        ]

    def _alignment(self) -> list[str]:
        return ["left" if i == 0 or header in self.left else "right" for i, header in enumerate(self.headers)]

    def _is_wide(self, column: int) -> bool:
        return self.headers[column] in self.wide

    def _grids(self, width: int) -> Iterator[Grid]:
        """Grids no wider than `width` (from 18 more than `narrowest` on), each with the first column and some of the
        others. Words may fold; a number stands whole, its spread on the next line if need be."""
        headers, body = self.headers, self.body
        columns = [[header, *(row[i] for row in body)] for i, header in enumerate(headers)]
        natural = [max(map(len, column)) for column in columns]
        narrow = [max(len(word) for text in column for word in text.split() or [""]) for column in columns]
        room = width - 1 - _BORDERS - min(natural[0], self.narrowest)
        narrow = [min(size, room - _BORDERS) for size in narrow]

        def taken(group: list[int], sizes: list[int]) -> int:
            return sum(sizes[i] + _BORDERS for i in group)

        groups: list[list[int]] = [[]]
        for i in range(1, len(headers)):
            if groups[-1] and taken([*groups[-1], i], narrow) > room:
                groups.append([])
            groups[-1].append(i)
        for group in groups:
            sizes = list(natural if taken(group, natural) <= room else narrow)
            spare = width - 1 - _BORDERS - min(natural[0], max(self.narrowest, width // 3)) - taken(group, sizes)
            for i in group:
                if self._is_wide(i):
                    sizes[i] += max(0, min(natural[i] - sizes[i], spare))
                    spare = 0
            first = min(natural[0], width - 1 - _BORDERS - taken(group, sizes))
            grid = Grid(highlight=False)
            grid.add_column(headers[0], width=first, overflow="fold")
            for i in group:
                justify: Literal["left", "right"] = "left" if headers[i] in self.left else "right"
                grid.add_column(headers[i], width=sizes[i], justify=justify, overflow="fold")
            for place, row in enumerate(body):
                grid.add_row(
                    *(Text(row[i], style=_STYLES.get(self.marks.get((place, i)), "")) for i in [0, *group]),
                    style="dim" if self.last_apart and place == len(body) - 1 else None,
                    end_section=self.last_apart and place == len(body) - 2,
                )
            yield grid


def _markdown(text: str) -> str:
    """With a backslash before what would end a cell, start a tag, a span of code or emphasis, or make a link."""
    return re.sub(r"[\\|<`*]|(?<=\])\(", r"\\\g<0>", text)


def _latex(text: str) -> str:
    return "".join(_LATEX.get(c, f"\\{c}" if c in "&%$#_{}" else c) for c in text)
