"""The methods that know nothing; chance itself is tested with the ranking code."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from llmrec_bench import PAD, Queries, Sequences
from llmrec_bench_plugins.baselines import CandidateOrderEcho, Constant, ItemIdRule

NAN = np.nan


@pytest.mark.parametrize("candidates", [None, [[1, 0, PAD], [2, 2, 1]]], ids=["catalogue", "candidates"])
def test_constant_is_zero_everywhere(tiny, make_queries, make_run, candidates):
    method = Constant(Constant.Config())
    method.fit(tiny, make_run(tiny))
    assert method.score(make_queries([[0], []], candidates)).tolist() == [[0] * (3 if candidates else 5)] * 2


def test_echo_follows_the_places_of_candidates(tiny, make_queries, make_run):
    method = CandidateOrderEcho(CandidateOrderEcho.Config())
    method.fit(tiny, make_run(tiny))
    assert method.score(make_queries([[0], []], [[3, 1, 2], [0, 4, PAD]])).tolist() == [[0, -1, -2]] * 2
    assert method.score(make_queries([[0]])).tolist() == [[0] * 5]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param("max", [NAN, NAN, NAN, 0, -1], id="max"),
        pytest.param("last", [NAN, 0, -1, -2, -3], id="last"),
        pytest.param("nearest", [-3, -2, -1, 0, -1], id="nearest"),
    ],
)
def test_id_rule_scores_by_distance_to_the_next_number(tiny, make_queries, make_run, rule, expected):
    method = ItemIdRule(ItemIdRule.Config(rule=rule))
    method.fit(tiny, make_run(tiny))
    scores = method.score(make_queries([[], [2, 0], []]))
    assert scores[1] == pytest.approx(expected, nan_ok=True)
    assert np.isnan(scores[[0, 2]]).all()
    picked = method.score(make_queries([[2, 0]], [[4, 1, 3]]))[0]
    assert picked == pytest.approx([expected[4], expected[1], expected[3]], nan_ok=True)


def published(name: str) -> Path:
    root = Path(os.environ.get("LLMREC_BENCH_DATA", Path(__file__).parents[4] / "shared" / "data"))
    path = root / name / "sequential.txt.gz"
    if not path.exists():
        pytest.skip(f"{path} is not there; set LLMREC_BENCH_DATA")
    return path


def leave_one_out(path: Path) -> tuple[Queries, np.ndarray, int]:
    """Test queries (all but each user's last item), the last items, and the number of items. Ids start at 1."""
    with gzip.open(path, "rt") as lines:
        rows = [np.array(line.split()[1:], dtype=np.int32) - 1 for line in lines]
    lengths = np.array([len(row) - 1 for row in rows])
    histories = Sequences(
        np.concatenate(([0], np.cumsum(lengths))).astype(np.int64), np.concatenate([row[:-1] for row in rows])
    )
    users = np.arange(len(rows), dtype=np.int32)
    targets = np.array([row[-1] for row in rows])
    return Queries(users, histories, None, None), targets, 1 + max(int(row.max()) for row in rows)


def places(method: ItemIdRule, queries: Queries, targets: np.ndarray) -> np.ndarray:
    """Each target's place from 0 among unseen items; far away where it has no score."""
    found = []
    for start in range(0, len(queries), 1024):
        block = queries.take(np.arange(start, min(start + 1024, len(queries))))
        scores = method.score(block)
        own = scores[np.arange(len(block)), targets[start : start + 1024]][:, None]
        scores[block.histories.rows(), block.histories.items] = np.nan
        found.append(np.where(np.isnan(own[:, 0]), 10**6, (scores > own).sum(axis=1)))
    return np.concatenate(found)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "rule", "hit_rates", "ndcgs"),
    [
        pytest.param("p5-beauty", "max", (0.0441, 0.0453, 0.0463), (0.0447, 0.0450), id="beauty-max"),
        pytest.param("p5-beauty", "last", (0.0256, 0.0292, 0.0310), (0.0274, 0.0280), id="beauty-last"),
        pytest.param("p5-sports", "max", (0.0414, 0.0428, 0.0433), (0.0421, 0.0423), id="sports-max"),
        pytest.param("p5-sports", "last", (0.0210, 0.0232, 0.0244), (0.0221, 0.0225), id="sports-last"),
    ],
)
def test_id_rule_reproduces_the_leak_of_published_numbers(name, rule, hit_rates, ndcgs, make_training, make_run):
    queries, targets, n_items = leave_one_out(published(name))
    train = make_training([[0]], n_items)
    method = ItemIdRule(ItemIdRule.Config(rule=rule))
    method.fit(train, make_run(train))
    place = places(method, queries, targets)
    gain = 1 / np.log2(place + 2)
    assert [np.mean(place < k) for k in (1, 5, 10)] == pytest.approx(hit_rates, abs=5.1e-5)
    assert [np.mean(gain * (place < k)) for k in (5, 10)] == pytest.approx(ndcgs, abs=5.1e-5)
