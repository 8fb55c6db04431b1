"""Users, items and interactions of the real data sets, as their own documentation counts them."""

from pathlib import Path

import numpy as np
import pytest

from llmrec_bench import DataSource, Log
from llmrec_bench.data.dataset import Preparation, load_dataset
from llmrec_bench.data.reviews import split_reviews
from llmrec_bench.data.splits import LeaveOneOut, split
from llmrec_bench_plugins.datasets import SOURCES
from llmrec_bench_plugins.datasets.amazon_reviews import AmazonReviews
from llmrec_bench_plugins.datasets.interaction_table import InteractionTable
from llmrec_bench_plugins.datasets.p5 import P5
from llmrec_bench_plugins.datasets.recbole_atomic import RecboleAtomic
from llmrec_bench_plugins.datasets.sasrec_text import SASRecText
from llmrec_bench_plugins.datasets.sequence_table import SequenceTable

pytestmark = pytest.mark.data


def check(log: Log, users: int, items: int, interactions: int) -> None:
    assert (log.events["user"].nunique(), log.events["item"].nunique(), len(log.events)) == (users, items, interactions)
    assert log.items.index.is_unique


@pytest.mark.parametrize(
    ("folder", "source", "users", "items", "interactions"),
    [
        ("amazon-games-2018", SequenceTable, 50_597, 16_874, 453_637),
        ("amazon-games-2018-sample3000", SequenceTable, 3_000, 9_684, 25_984),
        ("amazon-health-2014", SequenceTable, 38_329, 18_427, 343_831),
        ("food-recipes", SequenceTable, 17_813, 41_240, 555_618),
        ("steam-100k", SequenceTable, 10_369, 3_593, 126_824),
        ("ml-1m", SequenceTable, 6_040, 3_416, 999_611),
        ("yoochoose-clicks-100k", SequenceTable, 17_744, 5_630, 145_716),
        ("llmrank-games", RecboleAtomic, 50_546, 16_859, 440_264),
        ("p5-beauty", P5, 22_363, 12_101, 198_502),
        ("p5-sports", P5, 35_598, 18_357, 296_337),
        ("s3rec-yelp", P5, 30_431, 20_033, 316_354),
        ("s3rec-lastfm", P5, 1_090, 3_646, 52_551),
        ("bert4rec-beauty/beauty.txt.gz", SASRecText, 40_226, 54_542, 353_962),
        ("ml-latest-small/ratings.csv.gz", InteractionTable, 671, 9_066, 100_004),
        (
            "amazon-musical-instruments-2014/Musical_instruments_reviews.csv.gz",
            InteractionTable,
            1_429,
            900,
            10_261,
        ),
        # 7 of the rows repeat a pair of user and item; nothing is filtered here.
        ("amazon-gift-cards-2018", AmazonReviews, 458, 148, 2_972),
    ],
)
def test_counts_as_recognised(
    folder: str, source: type[DataSource], users: int, items: int, interactions: int, real_data: Path
) -> None:
    path = real_data / folder
    (found,) = [known for known in (kind.recognise(path) for kind in SOURCES) if known is not None]
    assert type(found) is source
    check(found.read(), users, items, interactions)


def test_every_item_of_the_titled_sets_has_a_clean_title(real_data: Path) -> None:
    for folder in ("amazon-games-2018", "amazon-health-2014", "food-recipes", "steam-100k", "ml-1m"):
        log = SequenceTable(path=real_data / folder).read()
        titles = log.items["title"].reindex(log.events["item"].unique())
        assert (titles.str.len() > 0).all()
        assert not titles.str.contains("&amp;", regex=False).any()


def test_session_times_are_milliseconds(real_data: Path) -> None:
    log = SequenceTable(path=real_data / "yoochoose-clicks-100k", time_unit="milliseconds").read()
    days = log.events["time"].astype("datetime64[s]").dt.date.astype(str)
    assert (days.min(), days.max()) == ("2014-04-01", "2014-09-30")


def test_beauty_times_never_fall_within_a_user(real_data: Path) -> None:
    events = P5(path=real_data / "p5-beauty").read().events
    same_user = np.diff(events["user"]) == 0
    assert (np.diff(events["time"])[same_user] >= 0).all()
    last, before = events.groupby("user")["time"].nth(-1), events.groupby("user")["time"].nth(-2)
    # 43.4 % among users with both times known; filling adds the 31 users without any.
    assert np.mean(last.to_numpy() == before.to_numpy()) == pytest.approx(0.434, abs=0.005)


def test_gift_card_texts(real_data: Path) -> None:
    folder = real_data / "amazon-gift-cards-2018"
    log = AmazonReviews(path=folder / "Gift_Cards_5.json.gz", metadata=folder / "meta_Gift_Cards.json.gz").read()
    assert (log.items["title"] != "").mean() == 1.0
    assert (log.items["brand"] != "").mean() == pytest.approx(0.804, abs=0.001)
    # 98.6 % have a category; the main category stands in for the others.
    assert log.items["category"].value_counts().to_dict() == {"Gift Cards > Gift Cards": 146, "Gift Cards": 2}
    assert (log.events["review"] == "").sum() == 6


def test_instruments_have_reviews(real_data: Path) -> None:
    path = real_data / "amazon-musical-instruments-2014" / "Musical_instruments_reviews.csv.gz"
    source = InteractionTable.recognise(path)
    assert source is not None
    dataset = load_dataset("instruments", source, Preparation())
    reviews = split_reviews(dataset, split(dataset.sequences, LeaveOneOut()))
    assert reviews is not None
    parts = (reviews.train, reviews.validation, reviews.test)
    assert sum(map(len, parts)) == 10_261 - 7  # seven are blank
    assert max(len(reviews.validation), len(reviews.test)) <= dataset.n_users
    assert np.mean([len(text.split()) for part in parts for text in part["text"]]) == pytest.approx(90, abs=2)


@pytest.mark.parametrize(("folder", "attributes", "mean"), [("p5-beauty", 637, 3.72), ("p5-sports", 2_277, 6.02)])
def test_attributes_of_p5_items(folder: str, attributes: int, mean: float, real_data: Path) -> None:
    """Of every item with an interaction, as S3-Rec's files have them."""
    log = P5(path=real_data / folder, attributes=True).read()
    assert set(log.events["item"]) <= set(log.items.index)
    numbers = log.items["attributes"].str.split(", ")
    assert numbers.explode().nunique() == attributes
    assert round(float(numbers.str.len().mean()), 2) == mean
    assert "attributes" not in P5(path=real_data / folder).read().items
