"""Metrics of explanations: worked by hand, beside what sacrebleu and rouge-score print, and as properties."""

import math
from typing import Any

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from llmrec_bench.metrics import register_metrics, text
from llmrec_bench.metrics.explained_pairs import ExplainedPairs, phrase
from llmrec_bench.metrics.metric import PairTextMetric, TextMetric

METRICS: dict[str, Any] = {metric.name: metric() for metric in register_metrics() if issubclass(metric, TextMetric)}

SMALL = ExplainedPairs(
    texts=["the battery life is great", "the battery life is great", "a nice red lamp", ""],
    references=["battery life is short", "the screen is great", "a red lamp", "works fine"],
    features=["battery life", "screen", "Lamp", ""],
)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        # 9 of 14 words, 4 of 11 bigrams, 1 of 8 trigrams; none of 5 runs of four, which smoothing counts as 1/10. Texts
        # have 14 words and reviews 13, so that nothing is taken off.
        ("BLEU-1", 9 / 14),
        ("BLEU-4", (9 / 14 * 4 / 11 * 1 / 8 * 1 / 10) ** 0.25),
        ("ROUGE-1", (6 / 9 + 6 / 9 + 6 / 7 + 0) / 4),
        ("ROUGE-2", (4 / 7 + 2 / 7 + 2 / 5 + 0) / 4),
        ("ROUGE-L", (6 / 9 + 6 / 9 + 6 / 7 + 0) / 4),
        ("USR", 3 / 4),
        ("FeatureCoverage", 2 / 3),
        ("FeatureDiversity", 1 / 6),  # the first two texts share one feature, five other pairs share none
        ("FeatureMatch", 2 / 3),
    ],
)
def test_worked_by_hand(metric: str, value: float) -> None:
    assert METRICS[metric].overall(SMALL) == pytest.approx(value, abs=1e-12)


def test_values_of_pairs() -> None:
    np.testing.assert_array_equal(METRICS["FeatureMatch"].per_pair(SMALL), [1, 0, 1, np.nan])
    np.testing.assert_allclose(METRICS["ROUGE-1"].per_pair(SMALL), [2 / 3, 2 / 3, 6 / 7, 0])


def test_a_short_text_is_penalised() -> None:
    short = ExplainedPairs(["red lamp"], ["a very red lamp"], [""])
    assert METRICS["BLEU-1"].overall(short) == pytest.approx(math.exp(1 - 4 / 2))


def test_features_are_whole_words_in_any_case_and_script() -> None:
    pairs = ExplainedPairs(
        ["Batteries last", "BATTERY-life!", "the life of a battery", "größe passt", "хороший экран", "屏幕 很好", "c"],
        [""] * 7,
        ["battery", "Battery life", "battery life", "Größe", "Экран", "屏幕", "???"],
    )
    np.testing.assert_array_equal(METRICS["FeatureMatch"].per_pair(pairs), [0, 1, 0, 1, 1, 1, np.nan])
    assert pairs.mentions[1] == {("battery",), ("battery", "life")}
    assert phrase("It's  the\nSCREEN_size") == ("it", "s", "the", "screen_size")


def test_a_feature_named_twice_in_a_text_counts_once() -> None:
    pairs = ExplainedPairs(["lamp lamp", "lamp", "lamp chair"], ["x"] * 3, ["lamp", "LAMP", "chair"])
    assert METRICS["FeatureDiversity"].overall(pairs) == 1.0  # three pairs of texts, each sharing `lamp`
    assert METRICS["FeatureCoverage"].overall(pairs) == 1.0


@pytest.mark.parametrize("metric", METRICS)
def test_without_pairs_there_is_no_value(metric: str) -> None:
    assert math.isnan(METRICS[metric].overall(ExplainedPairs([], [], [])))


@pytest.mark.parametrize("metric", ["FeatureCoverage", "FeatureDiversity", "FeatureMatch"])
def test_without_features_there_is_no_value(metric: str) -> None:
    assert math.isnan(METRICS[metric].overall(ExplainedPairs(["a", "b"], ["a", "b"], ["", "..."])))


def test_one_text_has_no_diversity() -> None:
    assert math.isnan(METRICS["FeatureDiversity"].overall(ExplainedPairs(["lamp"], ["lamp"], ["lamp"])))


def test_a_review_that_rouge_cannot_read_does_not_count() -> None:
    pairs = ExplainedPairs(["好 灯", "good"], ["好 灯", "good"], ["", ""])
    np.testing.assert_array_equal(METRICS["ROUGE-L"].per_pair(pairs), [np.nan, 1])
    assert METRICS["BLEU-1"].overall(pairs) == 1.0


def test_a_missing_package_is_told_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [metric.fault() for metric in METRICS.values()] == [None] * 9
    monkeypatch.setattr(text.importlib.util, "find_spec", lambda name: None)
    assert METRICS["BLEU-4"].fault() == "'BLEU-4' needs the package sacrebleu; pip install 'llmrec-bench[text]'"
    assert METRICS["ROUGE-L"].fault() == "'ROUGE-L' needs the package rouge-score; pip install 'llmrec-bench[text]'"
    assert METRICS["USR"].fault() is None


WORDS = st.sampled_from(["the", "The", "red", "lamp", "lamps", "is", "fine.", "not", "battery", "life,", "屏幕"])
TEXTS = st.lists(WORDS, max_size=12).map(" ".join)
PAIRS = st.lists(
    st.tuples(TEXTS, TEXTS.filter(bool), st.sampled_from(["", "lamp", "Battery life", "red"])), min_size=1, max_size=8
).map(lambda rows: ExplainedPairs(*map(list, zip(*rows, strict=True))))


@settings(deadline=None, max_examples=60)
@given(PAIRS)
def test_goldens_of_the_packages(pairs: ExplainedPairs) -> None:
    references = [list(pairs.references)]
    four = sacrebleu.corpus_bleu(list(pairs.texts), references)
    assert METRICS["BLEU-4"].overall(pairs) == pytest.approx(four.score / 100, abs=1e-12)
    if four.sys_len:
        one = four.bp * four.precisions[0] / 100
        assert METRICS["BLEU-1"].overall(pairs) == pytest.approx(one, abs=1e-12)
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"])
    for name, kind in (("ROUGE-1", "rouge1"), ("ROUGE-2", "rouge2"), ("ROUGE-L", "rougeL")):
        values = METRICS[name].per_pair(pairs)
        for i in np.flatnonzero(~np.isnan(values)):
            assert values[i] == scorer.score(pairs.references[i], pairs.texts[i])[kind].fmeasure


@settings(deadline=None, max_examples=100)
@given(PAIRS, st.randoms(use_true_random=False))
def test_features_against_every_pair_of_texts(pairs: ExplainedPairs, rng: Any) -> None:
    named = [{f for f in pairs.known if f and f" {' '.join(f)} " in f" {' '.join(phrase(t))} "} for t in pairs.texts]
    assert named == pairs.mentions
    n, known = len(pairs), set(pairs.known) - {()}
    if known and n > 1:
        both = [len(named[i] & named[j]) for i in range(n) for j in range(i)]
        assert METRICS["FeatureDiversity"].overall(pairs) == pytest.approx(sum(both) / len(both))
    if known:
        assert METRICS["FeatureCoverage"].overall(pairs) == len(set().union(*named)) / len(known)
    order = list(range(n))
    rng.shuffle(order)
    moved = ExplainedPairs(*([c[i] for i in order] for c in (pairs.texts, pairs.references, pairs.features)))
    for metric in METRICS.values():
        first, second = metric.overall(pairs), metric.overall(moved)
        assert first == pytest.approx(second, nan_ok=True)
        assert math.isnan(first) or metric.bounds[0] <= first <= metric.bounds[1]
        if isinstance(metric, PairTextMetric):
            np.testing.assert_allclose(metric.per_pair(pairs)[order], metric.per_pair(moved))


def test_the_reviews_themselves_are_the_best_explanations() -> None:
    pairs = ExplainedPairs(SMALL.references, SMALL.references, SMALL.features)
    for metric in ("BLEU-1", "ROUGE-1", "ROUGE-L", "FeatureCoverage", "FeatureMatch"):
        assert METRICS[metric].overall(pairs) == 1.0
    assert METRICS["FeatureDiversity"].overall(pairs) == 0.0
