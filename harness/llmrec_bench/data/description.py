"""What a data set looks like before anything is trained on it."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from llmrec_bench.data.dataset import Dataset
from llmrec_bench.data.filters import FunnelStep


@dataclass(frozen=True)
class DataDescription:
    """Counts and the traps worth knowing."""

    name: str
    simulated: bool
    fingerprint: str
    users: int
    items: int
    interactions: int
    density: float
    funnel: list[FunnelStep]
    length_quantiles: dict[str, float]
    """Events per user: min, 25 %, median, mean, 75 %, max."""
    titled_items_share: float
    item_columns: dict[str, float]
    """Share of items with something in each text column."""
    review_share: float | None
    """Share of interactions with a review that is not blank; None where the source has none."""
    feature_share: float | None
    """Share of interactions that name the item feature their review is about; None where the source names none."""
    repeat_interactions: int
    """Interactions with an item the user already had."""
    tied_last_share: float | None
    """Share of users (with at least two events) whose last two events share a time, so that their order, and with it
    the test item, rests on the order of the file; None where there are no times."""
    first_time: int | None
    last_time: int | None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def describe_data(dataset: Dataset) -> DataDescription:
    """Counts, funnel, lengths, texts, ties and fingerprint of a prepared data set."""
    sequences = dataset.sequences
    lengths = sequences.lengths
    quantiles = np.quantile(lengths, [0.25, 0.5, 0.75])
    times, tied = sequences.times, None
    if times is not None:
        ends = sequences.offsets[1:][lengths >= 2]
        tied = float(np.mean(times[ends - 1] == times[ends - 2])) if len(ends) else None
    pairs = sequences.pairs(dataset.n_items)
    known = dataset.items.drop(columns="token")
    texts = {str(column): float((known[column].notna() & (known[column] != "")).mean()) for column in known}
    return DataDescription(
        name=dataset.name,
        simulated=dataset.simulated,
        fingerprint=dataset.fingerprint,
        users=dataset.n_users,
        items=dataset.n_items,
        interactions=len(sequences.items),
        density=len(sequences.items) / (dataset.n_users * dataset.n_items),
        funnel=dataset.funnel,
        length_quantiles={
            "min": float(lengths.min()),
            "25%": float(quantiles[0]),
            "median": float(quantiles[1]),
            "mean": float(lengths.mean()),
            "75%": float(quantiles[2]),
            "max": float(lengths.max()),
        },
        titled_items_share=texts["title"],
        item_columns=texts,
        review_share=None if dataset.reviews is None else float((dataset.reviews.str.strip() != "").mean()),
        feature_share=None if dataset.features is None else float((dataset.features != "").mean()),
        repeat_interactions=len(sequences.items) - len(pairs),
        tied_last_share=tied,
        first_time=None if times is None else int(times.min()),
        last_time=None if times is None else int(times.max()),
    )
