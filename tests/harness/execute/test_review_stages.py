"""What stages and methods get of reviews, what a key covers, and how the leak of a split as released is told."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from llmrec_bench import (
    DataSource,
    Log,
    Method,
    Queries,
    Run,
    Scores,
    Stage,
    StageRun,
    Store,
    TrainingData,
    TransferableStage,
    build_tables,
    load_catalog,
    load_suite,
    make_plan,
    run_plan,
)
from llmrec_bench.artifacts import Artifacts
from llmrec_bench.errors import SuiteErrors
from llmrec_bench.execute.run import Progress
from llmrec_bench.execute.trial_data import Loader
from llmrec_bench.plugins import Catalog
from llmrec_bench.stage import settled, stages_of

ROWS, REVIEWED, OTHERS = "0123456789abcdef", "0123456789abcdef+0000000000000001", "0123456789abcdef+0000000000000002"


class Diary(DataSource):
    """Eight users with five of eight items each, and something to say of all but the third of each."""

    name = "diary"
    simulated = True
    reference = "Made by this project. MIT, as the code."

    silent: bool = False
    """Whether nothing is said."""

    def read(self) -> Log:
        users, places = np.repeat(np.arange(8), 5), np.tile(np.arange(5), 8)
        items = (users + places) % 8
        events = pd.DataFrame({"user": users, "item": items, "time": places.astype(np.int64)})
        if not self.silent:
            said = zip(users, items, places, strict=True)
            events["review"] = ["" if place == 2 else f"u{user} on i{item}" for user, item, place in said]
        return Log(events, pd.DataFrame({"title": [f"T{item}" for item in range(8)]}))


class Quotes(Stage):
    """Keeps the reviews it is given."""

    name = "quotes"
    version = "1"
    reads_reviews = True

    peeks: bool = False
    """Whether it tells of the test item of user 0."""

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        assert train.reviews is not None
        assert train.validation_reviews is not None
        train.reviews.to_parquet(out / "reviews.parquet")
        for table in (train.reviews, train.validation_reviews):
            for user, item in zip(table["user"], table["item"], strict=True):
                run.saw_review(user, item)
        if self.peeks:
            run.saw_review(0, 4)


class Deaf(TransferableStage):
    """Keeps whether it was given reviews."""

    name = "deaf"
    version = "1"

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        (out / "told.txt").write_text(str((train.reviews, train.validation_reviews)))


class Index(Stage):
    """Made of quotes, and reads no review itself."""

    name = "index"
    version = "1"

    quotes: Quotes = Quotes()
    """What it is made of."""

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        assert train.reviews is None
        (out / "count.txt").write_text(str(len(pd.read_parquet(run.artifact(self.quotes) / "reviews.parquet"))))


class Reader(Method):
    """Scores every item alike, after it has looked at what it is lent."""

    name = "reader"
    version = "1"
    seen: ClassVar[list[TrainingData]] = []

    class Config(Method.Config):
        """What it reads."""

        index: Index = Index()
        """Of quotes."""
        deaf: Deaf = Deaf()
        """Of nothing."""

    def fit(self, train: TrainingData, run: Run) -> None:
        assert isinstance(self.config, Reader.Config)
        assert (run.artifact(self.config.deaf) / "told.txt").read_text() == "(None, None)"
        run.artifact(self.config.index)
        self.seen.append(train)

    def score(self, queries: Queries) -> Scores:
        return np.zeros((len(queries), 8), dtype=np.float32)


@pytest.fixture
def catalog() -> Catalog:
    plain = load_catalog([])
    known = load_catalog()
    plugins = {"dataset diary": "test", "method reader": "test"}
    return replace(
        plain, methods={"reader": Reader}, datasets={"diary": Diary}, metrics=known.metrics, plugin_of=plugins
    )


SUITE = """
datasets: {%s}
methods: {reader: {config: {index: {quotes: {peeks: %s}}}}}
protocol: {cutoffs: [3]}
metrics: [HR]
seeds: [1]
"""


def suite(folder: Path, catalog: Catalog, datasets: str = "diary: {source: diary}", peeks: str = "false") -> Any:
    path = folder / "suite.yaml"
    path.write_text(SUITE % (datasets, peeks))
    return load_suite(path, catalog)


def run(folder: Path, catalog: Catalog, **said: str) -> tuple[Any, Store, Sequence[Progress]]:
    plan = make_plan(suite(folder, catalog, **said))
    store = Store(folder / "results", "suite")
    return plan, store, list(run_plan(plan, catalog, store, workers=0))


RELEASED = "diary: {source: diary, reviews: as-released(2)}"


# Keys


def test_only_stages_that_read_reviews_have_a_key_of_their_own_for_other_reviews() -> None:
    assert Quotes().key(REVIEWED) != Quotes().key(OTHERS)
    assert Index().key(REVIEWED) != Index().key(OTHERS)
    assert Deaf().key(REVIEWED) == Deaf().key(OTHERS) == Deaf().key(ROWS)
    assert stages_of(Reader.Config(), REVIEWED).keys() - stages_of(Reader.Config(), OTHERS).keys() == {
        Quotes().key(REVIEWED),
        Index().key(REVIEWED),
    }


def test_a_stage_built_elsewhere_is_known_by_what_it_rests_on_there() -> None:
    other = "fedcba9876543210+0000000000000003"
    built = settled(Deaf(built_on="home"), {"home": other})
    assert built.built_on == "fedcba9876543210"
    assert built.key(REVIEWED) == Deaf().key(other) == Deaf().key("fedcba9876543210")


# Trials


def test_methods_get_training_and_validation_reviews_and_stages_what_they_read(tmp_path, catalog) -> None:
    Reader.seen.clear()
    plan, store, _ = run(tmp_path, catalog)
    [train] = Reader.seen
    assert train.reviews is not None
    assert train.validation_reviews is not None
    assert train.reviews["text"].tolist()[:4] == ["u0 on i0", "u0 on i1", "u1 on i1", "u1 on i2"]
    assert train.validation_reviews["text"].tolist()[:2] == ["u0 on i3", "u1 on i4"]
    assert len(train.reviews) == 16
    data = Loader().load(plan.trials[0], store)
    assert data.test_reviews is not None
    assert data.test_reviews["text"].tolist()[:2] == ["u0 on i4", "u1 on i5"]
    assert data.test_reviews["user"].tolist() == list(range(8))


def test_an_artifact_lists_the_reviews_it_saw(tmp_path, catalog) -> None:
    for said, cut in (("diary: {source: diary}", "training"), (RELEASED, "reviews as released")):
        folder = tmp_path / cut.replace(" ", "-")
        folder.mkdir()
        plan, store, progress = run(folder, catalog, datasets=said)
        assert [p.record.status for p in progress if p.record is not None] == ["finished"]
        artifacts = Artifacts(store.root / "artifacts")
        manifests = {planned.stage.name: artifacts.manifest(planned.stage, planned.key) for planned in plan.stages}
        assert manifests["quotes"].cut == manifests["index"].cut == cut
        assert manifests["deaf"].cut == "item texts"
        reviews = plan.prepared["diary"].reviews
        assert manifests["quotes"].interactions == len(reviews.train) + len(reviews.validation)
        assert "+" not in manifests["deaf"].training_fingerprint
        assert manifests["index"].training_fingerprint == plan.prepared["diary"].training_fingerprint


def test_a_stage_may_not_see_a_review_that_is_held_out(tmp_path, catalog) -> None:
    plan, store, _ = run(tmp_path, catalog, peeks="true")
    record = store.record(plan.trials[0].id)
    assert record is not None
    assert record.status == "failed"
    assert record.failure is not None
    assert record.failure.message.endswith(
        "stage 'quotes': saw a review by user '0' of item '4', which the training data do not hold"
    )


def test_methods_get_the_shares_of_a_split_as_released(tmp_path, catalog) -> None:
    Reader.seen.clear()
    plan, _, _ = run(tmp_path, catalog, datasets=RELEASED)
    [train] = Reader.seen
    reviews = plan.prepared["diary"].reviews
    assert [len(part) for part in (train.reviews, train.validation_reviews, reviews.test)] == [26, 3, 3]
    held_out = {f"u{user} on i{(user + 4) % 8}" for user in range(8)}
    assert held_out & set(train.reviews["text"])  # type: ignore[index]


# Plans and tables


def test_the_leak_stands_below_the_tables(tmp_path, catalog) -> None:
    plan, store, _ = run(tmp_path, catalog, datasets=f"{RELEASED}, apart: {{source: diary}}")
    tables = build_tables(plan, {t.id: record for t in plan.trials if (record := store.record(t.id)) is not None})
    notes = {table.dataset: [note for note in table.notes if note.startswith("LEAK")] for table in tables}
    held_out = {f"u{user} on i{(user + 4) % 8}" for user in range(8)}
    assert len(held_out & set(plan.prepared["diary"].reviews.train["text"])) == 6
    assert notes == {
        "apart": [],
        "diary": [
            "LEAK: reviews of held-out interactions are among the training reviews (as released, seed 2): those of "
            "75.0% of the test interactions."
        ],
    }
    records = [store.record(trial.id) for trial in plan.trials]
    told = {r.dataset.label: r.dataset.preparation["reviews"] for r in records if r is not None}
    assert told == {"apart": "held-out-apart", "diary": "as-released(2)"}


def test_a_plan_refuses_a_stage_that_reads_reviews_where_there_are_none(tmp_path, catalog) -> None:
    with pytest.raises(SuiteErrors) as error:
        make_plan(suite(tmp_path, catalog, "diary: {source: diary}, quiet: {source: diary, options: {silent: true}}"))
    assert str(error.value) == (
        f"{tmp_path / 'suite.yaml'}: methods.reader: stage 'quotes' reads reviews, and data set 'quiet' has none "
        "(source 'diary'); leave it out of the method's `datasets`"
    )


def test_a_suite_tells_a_misspelt_split_of_reviews(tmp_path, catalog) -> None:
    with pytest.raises(SuiteErrors) as error:
        suite(tmp_path, catalog, "diary: {source: diary, reviews: as-released}")
    assert "datasets.diary.reviews: should be held-out-apart or as-released(SEED), such as as-released(1)" in str(
        error.value
    )
