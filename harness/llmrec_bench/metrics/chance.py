"""What a random order of the candidates scores, exactly: the level that every method has to beat."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmrec_bench.data.sequences import Sequences
from llmrec_bench.metrics.lists import distinct_pairs
from llmrec_bench.metrics.rankings import Popularity, Rankings, Ranks


@dataclass(frozen=True)
class ChanceRankings(Rankings):
    """Rankings in which all candidates of a query are tied. `lists` is (B, 0): there is no list to show."""

    @property
    def list_lengths(self) -> npt.NDArray[np.int64]:
        """int64 (B,): a random order leaves no place empty."""
        return self.offered


def chance(
    relevant: Sequences,
    offered: npt.NDArray[np.integer],
    popularity: Popularity,
    gains: npt.NDArray[np.floating] | None = None,
) -> ChanceRankings:
    """Rankings whose metrics are the expected values of a uniformly random order of the candidates.

    `relevant` has B rows, all of whose items are among the `offered` (int (B,)) candidates of their query; `gains`
    as in `rank_lists`. Only metrics with `has_chance_level` can be measured; those that read the lists raise
    `ValueError`. Raises `ValueError` too where a query has more relevant items than candidates.
    """
    queries, items, pair_gains = distinct_pairs(relevant, gains)
    candidates = np.asarray(offered, dtype=np.int64)
    short = np.flatnonzero(np.bincount(queries, minlength=len(candidates)) > candidates)
    if len(short):
        raise ValueError(f"query {short[0]} has more relevant items than its {candidates[short[0]]} candidates")
    return ChanceRankings(
        ranks=Ranks(
            queries=queries,
            items=items,
            above=np.zeros(len(queries), dtype=np.int64),
            tied=candidates[queries],
            gains=pair_gains,
        ),
        lists=np.empty((len(candidates), 0), dtype=np.int32),
        offered=candidates,
        popularity=popularity,
    )
