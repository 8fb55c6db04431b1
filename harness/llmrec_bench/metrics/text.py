"""How good explanations are: near the user's own words, different from each other, about the item's features."""

import importlib.util
from collections import Counter
from typing import ClassVar, Literal

import numpy as np

from llmrec_bench.metrics.explained_pairs import ExplainedPairs
from llmrec_bench.metrics.metric import PairTextMetric, TextMetric
from llmrec_bench.metrics.places import Floats

INSTALL = "pip install 'llmrec-bench[text]'"
_NETE = "Li et al., Generate neural template explanations for recommendation (NETE), CIKM 2020"
_PETER = "Li et al., Personalized Transformer for explainable recommendation (PETER), ACL 2021"


def _lacking(package: str, metric: str) -> str | None:
    """What to do where a package is not installed."""
    found = importlib.util.find_spec(package) is not None
    return None if found else f"'{metric}' needs the package {package.replace('_', '-')}; {INSTALL}"


class _Bleu(TextMetric):
    """Corpus BLEU by sacrebleu, as a share; what it prints is a hundred times that."""

    direction = "higher"
    bounds = (0.0, 1.0)
    source = f"Papineni et al., ACL 2002; sacrebleu (Post, WMT 2018), as a share; used by {_PETER}"
    order: ClassVar[int]
    """The longest n-grams."""

    @classmethod
    def fault(cls) -> str | None:
        """Where sacrebleu is not installed."""
        return _lacking("sacrebleu", cls.name)

    def overall(self, pairs: ExplainedPairs) -> float:
        """Over the corpus, case counted, by the tokenizer 13a and exponential smoothing; NaN without pairs."""
        if not len(pairs):
            return float("nan")
        from sacrebleu.metrics.bleu import BLEU

        # Texts that look tokenized already only cost a warning, which `force` turns off.
        bleu = BLEU(max_ngram_order=self.order, tokenize="13a", smooth_method="exp", force=True)
        score = bleu.corpus_score(list(pairs.texts), [list(pairs.references)]).score
        return min(1.0, score / 100)  # an exact match comes out a hair above


class Bleu1(_Bleu):
    """How many words of the explanations stand in the reviews, with a penalty where they are shorter."""

    name = "BLEU-1"
    order = 1
    formula = "BP p_1; p_1 of all pairs together, BP = min(1, exp(1 - r/c)), c and r the lengths; sacrebleu, 13a"


class Bleu4(_Bleu):
    """How many runs of one to four words of the explanations stand in the reviews."""

    name = "BLEU-4"
    order = 4
    formula = "BP (p_1 p_2 p_3 p_4)^(1/4); p_n of all pairs together, BP = min(1, exp(1 - r/c)); sacrebleu, 13a"


class _Rouge(PairTextMetric):
    """F1 by rouge-score, nothing stemmed."""

    direction = "higher"
    bounds = (0.0, 1.0)
    source = f"Lin, ROUGE, 2004; rouge-score, use_stemmer=False; used by {_PETER}"
    kind: ClassVar[Literal["rouge1", "rouge2", "rougeL"]]
    """As rouge-score calls it."""

    @classmethod
    def fault(cls) -> str | None:
        """Where rouge-score is not installed."""
        return _lacking("rouge_score", cls.name)

    def per_pair(self, pairs: ExplainedPairs) -> Floats:
        """float64 (N,): F1; NaN for a review without a word of a-z and 0-9, as rouge-score reads no others."""
        from rouge_score.rouge_scorer import RougeScorer
        from rouge_score.tokenize import tokenize

        scorer = RougeScorer([self.kind], use_stemmer=False)
        values = np.full(len(pairs), np.nan)
        for i, (text, reference) in enumerate(zip(pairs.texts, pairs.references, strict=True)):
            if tokenize(reference, None):
                values[i] = scorer.score(reference, text)[self.kind].fmeasure
        return values


class Rouge1(_Rouge):
    """Shared words of explanation and review."""

    name = "ROUGE-1"
    kind = "rouge1"
    formula = "2 P R / (P + R), P and R the shares of the text's and the review's words that the two share"


class Rouge2(_Rouge):
    """Shared pairs of neighbouring words of explanation and review."""

    name = "ROUGE-2"
    kind = "rouge2"
    formula = "2 P R / (P + R), P and R the shares of the text's and the review's bigrams that the two share"


class RougeL(_Rouge):
    """The longest run of words, gaps allowed, that explanation and review share."""

    name = "ROUGE-L"
    kind = "rougeL"
    formula = "2 l / (|t| + |r|), l the length of the longest common subsequence of words"


class UniqueSentenceRatio(TextMetric):
    """Share of the explanations that differ from each other."""

    name = "USR"
    direction = "higher"
    bounds = (0.0, 1.0)
    formula = "|{t_1, ..., t_N}| / N"
    source = _NETE

    def overall(self, pairs: ExplainedPairs) -> float:
        """The share; NaN without pairs."""
        return len(set(pairs.texts)) / len(pairs) if len(pairs) else float("nan")


class FeatureCoverage(TextMetric):
    """Share of the reviews' features that any explanation names."""

    name = "FeatureCoverage"
    direction = "higher"
    bounds = (0.0, 1.0)
    formula = "|F ∩ (features in any t_p)| / |F|"
    source = f"{_NETE} (FCR, over the features of the whole data set)"

    def overall(self, pairs: ExplainedPairs) -> float:
        """The share; NaN where no feature is known."""
        known = set(pairs.known) - {()}
        return len(set().union(*pairs.mentions)) / len(known) if known else float("nan")


class FeatureDiversity(TextMetric):
    """How many features two explanations have in common, on average over all pairs of them."""

    name = "FeatureDiversity"
    direction = "lower"
    bounds = (0.0, float("inf"))
    formula = "sum_{f in F} c_f (c_f - 1) / (N (N - 1)), c_f the explanations that contain f"
    source = f"{_NETE} (DIV)"

    def overall(self, pairs: ExplainedPairs) -> float:
        """The mean; NaN where no feature is known, or with fewer than two explanations."""
        n = len(pairs)
        if n < 2 or not any(pairs.known):
            return float("nan")
        counts = Counter(feature for named in pairs.mentions for feature in named)
        return sum(count * (count - 1) for count in counts.values()) / (n * (n - 1))


class FeatureMatch(PairTextMetric):
    """Share of the explanations that name the feature their review is about."""

    name = "FeatureMatch"
    direction = "higher"
    bounds = (0.0, 1.0)
    formula = "1 if t_p contains f_p, else 0"
    source = f"{_NETE} (FMR)"

    def per_pair(self, pairs: ExplainedPairs) -> Floats:
        """float64 (N,): 1 or 0; NaN where the pair's feature is unknown."""
        both = zip(pairs.known, pairs.mentions, strict=True)
        return np.array([float(own in named) if own else np.nan for own, named in both], dtype=np.float64)
