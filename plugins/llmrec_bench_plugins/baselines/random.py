"""Random scores: what chance looks like."""

import numpy as np
import numpy.typing as npt

from llmrec_bench import Method, Queries, Run, Scores, TrainingData

Words = npt.NDArray[np.uint64]

STEP = np.uint64(0x9E3779B97F4A7C15)


class Random(Method):
    """Score items at random: a fixed function of the seed, the user and the item, whatever else is scored with them."""

    name = "random"
    version = "1"
    source = "SplitMix64: Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014"

    class Config(Method.Config):
        """No options."""

    config: Config

    def fit(self, train: TrainingData, run: Run) -> None:
        """Keep the seed and the number of items."""
        self._seed = np.array([run.seed], dtype=np.int64).astype(np.uint64)
        self._n_items = train.n_items

    def score(self, queries: Queries) -> Scores:
        """float32 (B, C), uniform on [0, 1): the item's place in a SplitMix64 stream of the user's own.

        A float32 has room for 2**24 values, so among ten thousand items a handful of pairs tie.
        """
        streams = mix(mix(self._seed) + queries.users.astype(np.uint64) * STEP)  # (B,)
        items = np.arange(self._n_items)[None] if queries.candidates is None else queries.candidates
        words = mix(streams[:, None] + (items.astype(np.uint64) + np.uint64(1)) * STEP)  # (B, C)
        return (words >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)


def mix(words: Words) -> Words:
    """Scatter the bits of each word over the whole word (SplitMix64's finaliser). uint64, same shape."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Words = words ^ (words >> np.uint64(31))
    return mixed
