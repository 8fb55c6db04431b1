"""The colours and shapes of charts: those of Okabe and Ito (2008), which people with any colour vision tell apart."""

from collections.abc import Sequence

INK = "#1a1c1f"
MUTED = "#646b73"
GRID = "#e1e4e8"
PAPER = "#ffffff"
BLUE = "#0072b2"
COLOURS = (BLUE, "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#4d4d4d")
"""Their yellow is left out: it does not show on white. Their black is a grey here, as text is black."""
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")

VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    PAPER: "--paper",
    **{colour: f"--chart-{number}" for number, colour in enumerate(COLOURS, 1)},
}
"""CSS variables of the page by colour, so that a chart in it follows the light and the dark theme."""


class Looks:
    """The colour and shape of each method, the same in every chart of a page: 56 that differ, then again."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._places = {label: place for place, label in enumerate(labels)}

    def colours(self, labels: Sequence[str]) -> list[str]:
        """One for each label."""
        return [COLOURS[self._places[label] % len(COLOURS)] for label in labels]

    def shapes(self, labels: Sequence[str]) -> list[str]:
        """One for each label."""
        places = (self._places[label] for label in labels)
        return [SHAPES[(place % len(COLOURS) + place // len(COLOURS)) % len(SHAPES)] for place in places]
