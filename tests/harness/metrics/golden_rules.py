"""How each tool's metric follows from ours, or why it does not. Every golden row has exactly one of the two."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from llmrec_bench.metrics import accuracy, coverage, novelty, popularity
from llmrec_bench.metrics.places import discounts, running_sums
from llmrec_bench.metrics.rankings import Rankings

from .golden_cases import Case

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """A case as one tool reads it: its users, and our rankings of them."""

    case: Case
    users: npt.NDArray[np.int64]

    @cached_property
    def binary(self) -> Rankings:
        return self.case.rankings(self.users)

    @cached_property
    def linear(self) -> Rankings:
        return self.case.rankings(self.users, gain="linear")

    @cached_property
    def exponential(self) -> Rankings:
        return self.case.rankings(self.users, gain="exponential")

    @cached_property
    def by_rows(self) -> Rankings:
        """With popularity counted in training rows, repeats included."""
        return self.case.rankings(self.users, popularity_of=self.case.train)


def users_of(case: Case, tool: str) -> npt.NDArray[np.int64]:
    """Whom a tool averages over; who is asked belongs to the protocol, not to the metric.

    Elliot keeps users with training rows, a list (perhaps empty) and test rows, so it also drops those who were
    asked and stayed silent; `test_a_user_without_a_list_counts_as_zero` holds our rule beside its values.
    """
    everyone = case.everyone
    if tool == "elliot":
        listed = np.union1d(case.recs["user"].unique(), np.array(case.empty_list_users, dtype=np.int64))
        for kept in (case.train["user"].unique(), listed, case.test["user"].unique()):
            everyone = np.intersect1d(everyone, kept)
    elif tool == "recbole":  # all its metrics use the users with relevant items
        everyone = np.intersect1d(everyone, case.relevant["user"].unique())
    return everyone


def mean_up_to_k(metric: accuracy.AccuracyMetric) -> Callable[[Reading, int], Values]:
    """Elliot's MAP and MAR: the mean of Precision@n or Recall@n over n = 1..k."""
    return lambda reading, k: np.mean([metric.per_query(reading.binary, n) for n in range(1, k + 1)], axis=0)


def f1(reading: Reading, k: int) -> Values:
    """Harmonic mean of precision and recall, 0 if both are 0."""
    precision = accuracy.Precision().per_query(reading.binary, k)
    recall = accuracy.Recall().per_query(reading.binary, k)
    total = precision + recall
    return np.divide(2 * precision * recall, total, out=total * 0.0, where=total > 0)


def times(metric: accuracy.AccuracyMetric, factor: Callable[[Values, int], Values]) -> Callable[[Reading, int], Values]:
    """Our value times a factor of the number of relevant items and k."""

    def converted(reading: Reading, k: int) -> Values:
        relevant = np.maximum(reading.binary.relevant_counts, 1).astype(np.float64)
        return metric.per_query(reading.binary, k) * factor(relevant, k)

    return converted


def r_precision(reading: Reading, k: int) -> Values:
    """Recall at the number of relevant items, within the list."""
    relevant = reading.binary.relevant_counts
    values = np.full(len(relevant), np.nan)
    for n in np.unique(relevant[relevant > 0]):
        at_n = accuracy.Recall().per_query(reading.binary, min(int(n), k))
        values[relevant == n] = at_n[relevant == n]
    return values


def list_length(reading: Reading, k: int) -> Values:
    """Filled places, of users with relevant items."""
    filled = k * (1 - coverage.InvalidRate().per_query(reading.binary, k))
    return np.where(reading.binary.relevant_counts > 0, filled, np.nan)


def elliot_entropy(reading: Reading, k: int) -> float:
    """Elliot's mean lets an empty list weigh 0; ours leaves it out."""
    return coverage.Entropy().overall(reading.binary, k) * coverage.UserCoverage().overall(reading.binary, k)


def recbole_entropy(reading: Reading, k: int) -> float:
    """In nats and divided by the number of distinct items."""
    return coverage.Entropy().overall(reading.binary, k) * np.log(2) / item_count(reading, k)


def recbole_gini(reading: Reading, k: int) -> float:
    """Over the catalogue and a padding item, divided by N: z more zeros turn (N - 1) G into (N - 1) G + z."""
    counts = coverage.shown_counts(reading.binary, k)
    ours = int(((counts > 0) | (reading.binary.popularity.counts > 0)).sum())
    theirs = reading.case.catalog_size + 1
    return ((ours - 1) * coverage.Gini().overall(reading.binary, k) + theirs - ours) / theirs


def item_count(reading: Reading, k: int) -> float:
    return coverage.ItemCoverage().overall(reading.binary, k) * reading.case.catalog_size


def user_count(reading: Reading, k: int) -> float:
    return coverage.UserCoverage().overall(reading.binary, k) * len(reading.users)


def full_lists(reading: Reading, k: int) -> float:
    return float((coverage.InvalidRate().per_query(reading.binary, k) == 0).sum())


def share_of_full_lists(reading: Reading, k: int) -> float:
    """Among the users with a list."""
    return full_lists(reading, k) / user_count(reading, k)


HR, NDCG, MRR, MAP = accuracy.HR(), accuracy.NDCG(), accuracy.MRR(), accuracy.MAP()
PRECISION, RECALL = accuracy.Precision(), accuracy.Recall()
EFD, EPC, ARP = novelty.EFD(), novelty.EPC(), popularity.ARP()
RANX = "gain={};make_comparable=True"

CONVERSIONS: dict[tuple[str, str, str], Callable[[Reading, int], Values | float]] = {
    ("elliot", "nDCG", ""): lambda reading, k: NDCG.per_query(reading.exponential, k),
    ("elliot", "nDCGRendle2020", ""): lambda reading, k: NDCG.per_query(reading.binary, k),
    ("elliot", "HR", ""): lambda reading, k: HR.per_query(reading.binary, k),
    ("elliot", "MRR", ""): lambda reading, k: MRR.per_query(reading.binary, k),
    ("elliot", "Precision", ""): lambda reading, k: PRECISION.per_query(reading.binary, k),
    ("elliot", "Recall", ""): lambda reading, k: RECALL.per_query(reading.binary, k),
    ("elliot", "F1", ""): f1,
    ("elliot", "MAP", ""): mean_up_to_k(PRECISION),
    ("elliot", "MAR", ""): mean_up_to_k(RECALL),
    ("elliot", "NumRetrieved", ""): list_length,
    ("elliot", "EFD", ""): lambda reading, k: EFD.per_query(reading.binary, k),
    ("elliot", "EPC", ""): lambda reading, k: EPC.per_query(reading.binary, k),
    ("elliot", "ExtendedEFD", "relevance=binary"): lambda reading, k: EFD.per_query(reading.binary, k),
    ("elliot", "ExtendedEPC", "relevance=binary"): lambda reading, k: EPC.per_query(reading.binary, k),
    ("elliot", "ExtendedEFD", "relevance=discounted"): lambda reading, k: EFD.per_query(reading.binary, k),
    ("elliot", "ExtendedEPC", "relevance=discounted"): lambda reading, k: EPC.per_query(reading.binary, k),
    ("elliot", "ARP", ""): lambda reading, k: ARP.per_query(reading.binary, k),
    ("elliot", "APLT", ""): lambda reading, k: popularity.APLT().per_query(reading.binary, k),
    ("elliot", "ACLT", ""): lambda reading, k: popularity.ACLT().per_query(reading.binary, k),
    ("elliot", "Gini", ""): lambda reading, k: 1 - coverage.Gini().overall(reading.binary, k),
    ("elliot", "SEntropy", ""): elliot_entropy,
    ("elliot", "ItemCoverage", ""): item_count,
    ("elliot", "UserCoverage", ""): user_count,
    ("elliot", "UserCoverageAtN", ""): full_lists,
    ("recbole", "Hit", ""): lambda reading, k: HR.per_query(reading.binary, k),
    ("recbole", "NDCG", ""): lambda reading, k: NDCG.per_query(reading.binary, k),
    ("recbole", "MRR", ""): lambda reading, k: MRR.per_query(reading.binary, k),
    ("recbole", "MAP", ""): lambda reading, k: MAP.per_query(reading.binary, k),
    ("recbole", "Recall", ""): lambda reading, k: RECALL.per_query(reading.binary, k),
    ("recbole", "Precision", ""): lambda reading, k: PRECISION.per_query(reading.binary, k),
    ("recbole", "AveragePopularity", ""): lambda reading, k: ARP.per_query(reading.by_rows, k),
    ("recbole", "ItemCoverage", ""): lambda reading, k: item_count(reading, k) / (reading.case.catalog_size + 1),
    ("recbole", "GiniIndex", ""): recbole_gini,
    ("recbole", "ShannonEntropy", ""): recbole_entropy,
    ("ranx", "hit_rate", RANX.format("binary")): lambda reading, k: HR.per_query(reading.binary, k),
    ("ranx", "mrr", RANX.format("binary")): lambda reading, k: MRR.per_query(reading.binary, k),
    ("ranx", "precision", RANX.format("binary")): lambda reading, k: PRECISION.per_query(reading.binary, k),
    ("ranx", "recall", RANX.format("binary")): lambda reading, k: RECALL.per_query(reading.binary, k),
    ("ranx", "f1", RANX.format("binary")): f1,
    ("ranx", "map", RANX.format("binary")): times(MAP, lambda relevant, k: np.minimum(relevant, k) / relevant),
    ("ranx", "ndcg", RANX.format("binary")): lambda reading, k: NDCG.per_query(reading.binary, k),
    ("ranx", "ndcg_burges", RANX.format("binary")): lambda reading, k: NDCG.per_query(reading.binary, k),
    ("ranx", "ndcg", RANX.format("graded")): lambda reading, k: NDCG.per_query(reading.linear, k),
    ("ranx", "ndcg_burges", RANX.format("graded")): lambda reading, k: NDCG.per_query(reading.exponential, k),
    ("ranx", "r-precision", RANX.format("binary")): r_precision,
    ("rectools", "HitRate", ""): lambda reading, k: HR.per_query(reading.binary, k),
    ("rectools", "MRR", ""): lambda reading, k: MRR.per_query(reading.binary, k),
    ("rectools", "Precision", ""): lambda reading, k: PRECISION.per_query(reading.binary, k),
    ("rectools", "Precision", "r_precision=True"): times(PRECISION, lambda relevant, k: k / np.minimum(relevant, k)),
    ("rectools", "Recall", ""): lambda reading, k: RECALL.per_query(reading.binary, k),
    ("rectools", "F1Beta", "beta=1"): f1,
    ("rectools", "MAP", ""): times(MAP, lambda relevant, k: np.minimum(relevant, k) / relevant),
    ("rectools", "MAP", "divide_by_k=True"): times(MAP, lambda relevant, k: np.minimum(relevant, k) / k),
    ("rectools", "NDCG", "divide_by_achievable=True"): lambda reading, k: NDCG.per_query(reading.binary, k),
    ("rectools", "NDCG", ""): times(  # it divides by the ideal of k hits
        NDCG,
        lambda relevant, k: running_sums(discounts(k))[np.minimum(relevant, k).astype(int)] / discounts(k).sum(),
    ),
    ("rectools", "AvgRecPopularity", ""): lambda reading, k: ARP.per_query(reading.by_rows, k),
    ("rectools", "AvgRecPopularity", "normalize=True"): lambda reading, k: (
        ARP.per_query(reading.by_rows, k) / len(reading.case.train)
    ),
    ("rectools", "CatalogCoverage", ""): item_count,
    ("rectools", "CatalogCoverage", "normalize=True"): lambda reading, k: coverage.ItemCoverage().overall(
        reading.binary, k
    ),
    ("rectools", "CoveredUsers", ""): lambda reading, k: coverage.UserCoverage().overall(reading.binary, k),
    ("rectools", "SufficientReco", ""): share_of_full_lists,
}

NOT_OURS = {
    ("elliot", "LAUC"): "a limited area under the ROC curve, which this project does not offer",
    ("elliot", "PopRSP"): "parity of recommendation between head and tail, which this project does not offer",
    ("elliot", "PopREO"): "parity of hits between head and tail, which this project does not offer",
    ("elliot", "ExtendedPopRSP"): "PopRSP with another head, which this project does not offer",
    ("elliot", "ExtendedPopREO"): "PopREO with another head, which this project does not offer",
    ("recbole", "TailPercentage"): "its tail is a share of the items, or a count, not what lies beyond 80 % of T",
    ("rectools", "MeanInvUserFreq"): "no discount, shares of users, and one user for items never trained on",
    ("rectools", "Serendipity"): "a measure of its own",
    ("rectools", "UnrepeatedReco"): "repeats are removed before anything is measured",
}


def excuse(reading: Reading, tool: str, metric: str, params: str, k: int, status: str) -> str | None:
    """Why this row is not compared, or None where it has to be."""
    if (tool, metric) in NOT_OURS:
        return NOT_OURS[tool, metric]
    if status != "ok":
        return f"the tool gave no value ({status})"
    raw = reading.case.lists(reading.users)
    raw = raw if tool == "rectools" else raw[:, :k]  # rectools counts relevant items over the whole list
    by_item = np.sort(raw, axis=1)
    if ((by_item[:, 1:] == by_item[:, :-1]) & (by_item[:, 1:] >= 0)).any():
        return "the tool counts a repeated item each time; ours counts it at its first place"
    if params == "relevance=discounted" and len(reading.case.relevant["rating"].unique()) > 1:
        return "EFD and EPC weigh hits by graded gains there; ours, like Elliot's EFD and EPC, do not"
    if params == "relevance=discounted" and (reading.case.relevant["rating"] != reading.case.threshold).any():
        return "EFD and EPC weigh hits by a gain other than 1 there"
    cold = (coverage.shown_counts(reading.binary, k) > 0) & (reading.binary.popularity.counts == 0)
    if (tool, metric) == ("elliot", "Gini") and cold.any():
        return "Elliot counts shown items that it leaves out of N; ours keeps them in both"
    return None
