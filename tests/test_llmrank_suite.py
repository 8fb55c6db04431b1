"""suites/llmrank.yaml offers the candidates that LLMRank's code comes with: nothing is fitted here."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from llmrec_bench import Suite, load_catalog, load_suite
from llmrec_bench.candidates import offer
from llmrec_bench.data.dataset import Dataset, load_dataset
from llmrec_bench.data.splits import split
from llmrec_bench.protocol import CandidateFile

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("LLMREC_BENCH_DATA", ROOT.parent / "shared" / "data"))
SOURCES = ("bm25", "bert", "pop", "bpr", "gru4rec", "sasrec")
CATALOG = load_catalog()


def suite(profile: str | None, monkeypatch: pytest.MonkeyPatch) -> Suite:
    monkeypatch.setenv("LLMREC_BENCH_DATA", str(DATA))
    return load_suite(ROOT / "suites" / "llmrank.yaml", CATALOG, profile)


@cache
def dataset(name: str, films: bool) -> Dataset:
    profile = load_suite(ROOT / "suites" / "llmrank.yaml", CATALOG, "ml-1m" if films else None)
    [entry] = profile.datasets
    return load_dataset(name, entry.source, entry.preparation)


@pytest.mark.parametrize("profile", [None, "all-users", "hard", "ml-1m", "ml-1m-all-users", "ml-1m-hard"])
def test_kept_tables_stand_beside_the_papers(profile: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = suite(profile, monkeypatch)
    [table] = loaded.tables
    assert table.published is not None
    assert table.published.name == f"llmrank_table{4 if profile and 'hard' in profile else 2}.csv"
    assert table.published.metrics == set(table.metrics)
    [data] = loaded.datasets
    for method in ("Pop", "BM25", "SASRec"):
        assert table.published.number(data.label, method, "NDCG@10") is not None
    assert (loaded.protocol.seen, loaded.protocol.split.kind) == ("none", "leave-one-out")


def test_every_retriever_has_a_profile_on_both_data_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    for source in SOURCES:
        for name, file in ((source, f"Games.{source}.gz"), (f"ml-1m-{source}", f"ml-1m.{source}.gz")):
            rule = suite(name, monkeypatch).protocol.candidates
            assert isinstance(rule, CandidateFile)
            assert (rule.path.name, rule.first, rule.add_target) == (file, 19, True)


@pytest.mark.data
@pytest.mark.parametrize(
    ("profile", "narrowest", "widest", "targets"),
    [
        (None, 20, 20, 200),
        ("bm25", 19, 20, 200),
        ("sasrec", 19, 20, 200),
        ("hard", 13, 21, 10),
        ("ml-1m", 19, 20, 200),
        ("ml-1m-sasrec", 19, 20, 200),
        ("ml-1m-hard", 16, 21, 33),
    ],
)
def test_200_users_have_the_published_candidates(
    profile: str | None, narrowest: int, widest: int, targets: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As many candidates as the paper has, less what repeats and what the data lack, and so many targets among them."""
    films = (profile or "").startswith("ml-1m")
    if not (DATA / ("ml-1m" if films else "llmrank-games")).exists():
        pytest.skip("the data are not under LLMREC_BENCH_DATA")
    loaded = suite(profile, monkeypatch)
    data = dataset(loaded.datasets[0].label, films)
    offered = offer(data, split(data.sequences, loaded.protocol.split), loaded.protocol, "test", 1, tmp_path)
    candidates = offered.queries.candidates
    assert candidates is not None
    sizes = (candidates >= 0).sum(axis=1)
    assert (len(offered.queries), sizes.min(), sizes.max()) == (200, narrowest, widest)
    among = (candidates == offered.targets.items[:, None]).any(axis=1)
    assert np.count_nonzero(among) == targets
