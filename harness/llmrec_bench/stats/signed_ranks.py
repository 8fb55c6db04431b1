"""Wilcoxon's signed-rank test."""

from llmrec_bench.stats.differences import Values


def wilcoxon(differences: Values) -> float:
    """Two-sided p of the signed-rank test that float64 (U,) differences, none of them NaN, lie evenly around 0.

    1 where no user differs, NaN with fewer than two users. Users who do not differ are dropped, as Wilcoxon (1945) has
    it. By the number of the others, scipy chooses between the exact distribution (few) and the normal one (many, or
    ties), without a correction for continuity. The test weighs in which order users differ, not by how much: it can
    find something where the mean hardly differs, and nothing where it does.
    """
    if len(differences) < 2:
        return float("nan")
    differing = differences[differences != 0]
    if not len(differing):
        return 1.0
    from scipy import stats  # slow to load

    # Left to drop the others itself, scipy counts them when it chooses: 3 of 100 users got the normal distribution.
    return float(stats.wilcoxon(differing, zero_method="wilcox", method="auto").pvalue)
