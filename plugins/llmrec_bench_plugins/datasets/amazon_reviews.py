"""Amazon reviews as JSON lines, in the field names of 2014, 2018 and 2023."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from llmrec_bench import BenchError, DataSource, Log
from llmrec_bench_plugins.datasets.amazon_metadata import read_metadata
from llmrec_bench_plugins.datasets.first_mistake import Kind
from llmrec_bench_plugins.datasets.ids import as_ids
from llmrec_bench_plugins.datasets.item_texts import item_texts, no_item_texts
from llmrec_bench_plugins.datasets.json_lines import first_object, looks_like_json_lines, read_json_lines
from llmrec_bench_plugins.datasets.paths import files_like, located
from llmrec_bench_plugins.datasets.times import TimeUnit, whole_seconds


@dataclass(frozen=True)
class _Fields:
    """How one edition of the data names its fields."""

    user: str
    item: str
    rating: str
    time: str
    review: str
    time_unit: TimeUnit


_EDITIONS = (
    _Fields("reviewerID", "asin", "overall", "unixReviewTime", "reviewText", "seconds"),  # 2014 and 2018
    # 2023; `parent_asin`, the product of which `asin` is a colour or size, is what its metadata are listed by.
    _Fields("user_id", "parent_asin", "rating", "timestamp", "text", "milliseconds"),
    _Fields("user_id", "asin", "rating", "timestamp", "text", "milliseconds"),
)


class AmazonReviews(DataSource):
    """Amazon reviews, one JSON object a line, plain or gzipped, with the field names of 2014, 2018 or 2023 (told apart
    by the first line), and the metadata file for titles, brands, categories, descriptions and prices. Times have day
    resolution up to 2018: the order within a day is that of the file."""

    name: ClassVar[str] = "amazon-reviews"
    reference: ClassVar[str] = (
        "He & McAuley 2016 (2014 data), Ni et al. 2019 (2018 data), Hou et al. 2024 (2023 data); McAuley lab, research "
        "use, no explicit licence."
    )

    path: Path
    """The file of reviews; `~` and `$VARIABLES` are expanded."""
    metadata: Path | None = None
    """The file of item metadata; without it items have no texts. Only items that were reviewed are kept."""
    with_reviews: bool = True
    """Whether to keep the review texts, by far the largest part of the file."""

    def read(self) -> Log:
        path = located(self.path)
        fields = _edition(first_object(path))
        if fields is None:
            raise BenchError(
                f"{path}: line 1: no review of 2014 or 2018 (reviewerID, asin, overall, unixReviewTime) or 2023 "
                f"(user_id, parent_asin, rating, timestamp); its fields are {', '.join(first_object(path))}"
            )
        kinds: dict[str, Kind] = {fields.user: "id", fields.item: "id", fields.rating: "number", fields.time: "number"}
        if self.with_reviews:
            kinds[fields.review] = "text"
        table = read_json_lines(path, kinds)
        events: dict[str, Any] = {
            "user": as_ids(table[fields.user])[0],
            "time": whole_seconds(path, table[fields.time].to_numpy(), fields.time_unit),
            "rating": table[fields.rating].to_numpy().astype(np.float32),
        }
        if self.with_reviews:
            events["review"] = table[fields.review].fill_null("").to_pandas()
        if self.metadata is None:
            return Log(events=pd.DataFrame({**events, "item": as_ids(table[fields.item])[0]}), items=no_item_texts())
        asins, texts = read_metadata(located(self.metadata), set(table[fields.item].unique().to_pylist()))
        events["item"], item_ids = as_ids(table[fields.item], asins)
        return Log(events=pd.DataFrame(events), items=item_texts(item_ids, texts))

    @classmethod
    def recognise(cls, path: Path) -> "AmazonReviews | None":
        files = [path]
        if path.is_dir():
            listed = files_like(path, ("*.json", "*.jsonl", "*.json.gz", "*.jsonl.gz"))
            files = [file for file in listed if _edition(looks_like_json_lines(file)) is not None]
        if len(files) != 1 or _edition(looks_like_json_lines(files[0])) is None:
            return None
        # reviews_X_5.json.gz (2014), X_5.json.gz (2018), X.jsonl.gz (2023) each have a meta_X beside them.
        category = re.sub(r"^reviews_|(_5)?\.jsonl?(\.gz)?$", "", files[0].name)
        metadata = files_like(files[0].parent, tuple(f"meta_{category}.{e}" for e in _SUFFIXES))
        return cls(path=files[0], metadata=next(iter(metadata), None))


_SUFFIXES = ("json", "jsonl", "json.gz", "jsonl.gz")


def _edition(review: dict[str, Any]) -> _Fields | None:
    """The edition whose fields the review has, or None."""
    return next((f for f in _EDITIONS if {f.user, f.item, f.rating, f.time} <= review.keys()), None)
