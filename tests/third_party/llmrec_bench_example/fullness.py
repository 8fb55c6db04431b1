"""How full the lists are."""

from llmrec_bench import PAD, OverallMetric, Rankings


class Fullness(OverallMetric):
    """Share of the k places that hold an item."""

    name = "Fullness"
    direction = "higher"
    bounds = (0.0, 1.0)
    formula = "items shown / (k * queries)"
    source = "this plugin"

    def overall(self, rankings: Rankings, k: int) -> float:
        shown = rankings.lists[:, :k]
        return float((shown != PAD).sum() / (k * rankings.n_queries)) if rankings.n_queries else float("nan")
