"""The protocol: how methods are tested. Its hash stands on every number."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from llmrec_bench.config import Config
from llmrec_bench.data.splits import LeaveOneOut, SplitRule
from llmrec_bench.errors import BenchError

_SCHEMA = 1
"""Raised when the same options come to mean another test."""

_PAIRS_SEED = 0
"""Draws the reviews to explain."""


class FullCatalogue(Config):
    """Every item of the catalogue is a candidate of every query."""

    kind: Literal["full"] = "full"
    """The candidates are all I items."""

    def describe(self) -> str:
        """A part of a table's footer."""
        return "full catalogue"


class Sampled(Config):
    """A query's targets and `n` sampled negatives, shuffled; drawn once and shared by all methods."""

    kind: Literal["sampled"] = "sampled"
    """The candidates are targets and sampled items."""
    n: Annotated[int, Field(gt=0)]
    """Negatives per query."""
    by: Literal["uniform", "popularity"] = "uniform"
    """Every item alike, or in proportion to its training interactions (items without any are not drawn)."""
    mode: Literal["strict", "sasrec"] = "strict"
    """`strict`: n different items, none of them the user's up to the targets. `sasrec`: n independent
    uniform draws, redrawn only while in the user's training items, as in the code of Kang and McAuley (2018):
    repeats, the validation item and the target itself can be among them. That code masks no seen item."""
    seed: Annotated[int, Field(ge=0)] | None = None
    """Seed of the draw; left out, each trial's own seed, so that seeds vary the candidates too."""

    @model_validator(mode="after")
    def _sasrec_is_uniform(self) -> Self:
        if self.mode == "sasrec" and self.by != "uniform":
            raise ValueError("mode 'sasrec' draws uniformly; use mode 'strict' with by 'popularity'")
        return self

    def describe(self) -> str:
        """A part of a table's footer."""
        seed = "" if self.seed is None else f", seed {self.seed}"
        return f"target and {self.n} sampled negatives ({self.by}, {self.mode}{seed})"


class CandidateFile(Config):
    """Candidates from a file: a user token and item tokens on each line, blanks or tabs between them.

    Only users with a line are tested. An item listed twice is offered once; the order is shuffled.
    """

    kind: Literal["file"] = "file"
    """The candidates of the test come from a file; validation queries rank the full catalogue."""
    path: Path
    """The file, read as gzip where its name ends in `.gz`; a relative path starts at the suite's folder."""
    first: Annotated[int, Field(gt=0)] | None = None
    """Use only the first so many items of each line."""
    add_target: bool = False
    """Offer a target that its line lacks as one more candidate. Otherwise such a target is a miss at every k."""
    unknown: Literal["refuse", "drop"] = "refuse"
    """A user or an item that is not in the prepared data set: an error, or left out before the first are counted."""

    def describe(self) -> str:
        """A part of a table's footer."""
        size = "" if self.first is None else f", first {self.first}"
        target = "target added where missing" if self.add_target else "target not added"
        unknown = "; unknown items left out" if self.unknown == "drop" else ""
        return f"candidates from {self.path.name}{size} ({target}{unknown})"


class CandidatePlaces(Config):
    """Candidates from a file that tells nothing of the data: a line for each user, in code order, of numbers between
    commas, each a place (from 0) among the items, in code order, that the user has no event with, or `t` for the test
    item.
    """

    kind: Literal["places"] = "places"
    """The candidates of the test come from a file of places; validation queries rank the full catalogue."""
    path: Path
    """The file; a relative path starts at the suite's folder."""

    def describe(self) -> str:
        """A part of a table's footer."""
        return f"candidates from {self.path.name}"


class Explanations(Config):
    """Which held-out reviews methods are asked to explain, and how much of a review their texts are measured against.

    A method is shown who reviewed what, after its last ranking, and never a held-out review.
    """

    pairs: Annotated[int, Field(gt=0)] | None = None
    """At most so many held-out reviews, the same for every method and seed; left out, all of them."""
    words: Annotated[int, Field(gt=0)] | None = None
    """The first so many words of a review count, which blanks set apart; left out, the whole review."""

    def asked(self, reviews: pd.DataFrame) -> pd.DataFrame:
        """The rows asked about, in order, of held-out reviews (`user`, `item`, `text`, `feature`); `text` is cut."""
        kept = reviews
        if self.pairs is not None and self.pairs < len(reviews):
            drawn = np.random.default_rng(_PAIRS_SEED).choice(len(reviews), self.pairs, replace=False)
            kept = reviews.iloc[np.sort(drawn)]
        if self.words is not None:
            kept = kept.assign(text=[" ".join(text.split()[: self.words]) for text in kept["text"]])
        return kept.reset_index(drop=True)

    def describe(self) -> str:
        """A part of a table's footer."""
        which = "all held-out reviews" if self.pairs is None else f"at most {self.pairs:,} held-out reviews"
        return f"explanations of {which}" + ("" if self.words is None else f", their first {self.words} words")


class ProtocolOptions(Config):
    """The options of a protocol, each for itself."""

    split: SplitRule = LeaveOneOut()
    """Which events are for training, validation and test."""
    candidates: Annotated[FullCatalogue | Sampled | CandidateFile | CandidatePlaces, Field(discriminator="kind")] = (
        FullCatalogue()
    )
    """What methods choose from."""
    seen: Literal["mask", "none", "zero"] = "mask"
    """Candidates out of the query's history: `mask` takes them out, `none` leaves them, `zero` sets their score
    to 0 (S3-Rec). A target that is itself in the history (repeat consumption) keeps its place and its score
    under all three; where repeats are the rule, `none` is the fair choice."""
    ties: Literal["expected", "pessimistic", "seeded"] = "expected"
    """Where an item among equal scores lands: the expected value under random order, the last place, or a place
    drawn by the seed, the user and the item."""
    cutoffs: Annotated[tuple[Annotated[int, Field(gt=0)], ...], Field(min_length=1)] = (10, 20)
    """Lengths k of the lists that metrics look at."""
    explanations: Explanations | None = None
    """Asks methods why a user might like an item, for metrics such as `BLEU-4`; left out, nothing is asked."""

    @field_validator("cutoffs")
    @classmethod
    def _ascending(cls, cutoffs: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(set(cutoffs)))


class Protocol(ProtocolOptions):
    """How methods are tested: split, candidates, seen items, ties and cut-offs, and what they are to explain."""

    @model_validator(mode="after")
    def _cutoffs_fit(self) -> Self:
        if isinstance(self.candidates, Sampled) and self.cutoffs[-1] > self.candidates.n + 1:
            raise ValueError(
                f"cut-off {self.cutoffs[-1]} is larger than the {self.candidates.n + 1} candidates "
                f"(target and {self.candidates.n} negatives)"
            )
        return self

    @property
    def hash(self) -> str:
        """12 hex digits over every option; a candidate file counts by its content, not by its place.

        Raises `BenchError` where the candidate file cannot be read.
        """
        options: dict[str, Any] = self.model_dump(mode="json")
        if self.explanations is None:
            del options["explanations"]  # so that a hash from before there were any stays
        if isinstance(self.candidates, CandidateFile | CandidatePlaces):
            try:
                content = self.candidates.path.read_bytes()
            except OSError as error:
                raise BenchError(f"{self.candidates.path}: cannot read the candidates: {error.strerror}") from None
            options["candidates"]["path"] = hashlib.sha256(content).hexdigest()
            if options["candidates"].get("unknown") == "refuse":
                del options["candidates"]["unknown"]  # no number comes from it, so a hash from before it stays
        canonical = json.dumps({"schema": _SCHEMA, **options}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]

    def describe(self) -> str:
        """One line for the foot of a table."""
        seen = {"mask": "seen items masked", "none": "seen items kept", "zero": "seen items score 0"}
        ties = {"expected": "expected value", "pessimistic": "last place", "seeded": "drawn by seed"}
        return "; ".join(
            (
                self.split.describe(),
                self.candidates.describe(),
                seen[self.seen],
                f"ties: {ties[self.ties]}",
                f"k = {', '.join(map(str, self.cutoffs))}",
                *([] if self.explanations is None else [self.explanations.describe()]),
            )
        )

    def require_candidates(self, n_candidates: int) -> None:
        """Raises `BenchError` where the largest cut-off is larger than the longest row of candidates."""
        if self.cutoffs[-1] > n_candidates:
            raise BenchError(
                f"protocol: cut-off {self.cutoffs[-1]} is larger than the {n_candidates} candidates "
                f"({self.candidates.describe()}); use cut-offs up to {n_candidates}"
            )
