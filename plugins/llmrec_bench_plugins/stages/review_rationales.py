"""What a language model reads out of each review: its writer's preference and the item's attributes (RDRec)."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import pandas as pd
from pydantic import Field

from llmrec_bench import (
    BenchError,
    LanguageModel,
    LanguageModelOptions,
    Prompt,
    PromptFile,
    Stage,
    StageRun,
    TrainingData,
)
from llmrec_bench_plugins.stages.asking import ask_all
from llmrec_bench_plugins.stages.grounding import grounding, grounding_table
from llmrec_bench_plugins.stages.rationale_pair import Parsing, RationalePair, parse_rationale
from llmrec_bench_plugins.stages.wording import ReviewForm, review_rationale_prompt, review_rationale_wordings

RATIONALES = "rationales.parquet"
"""One row for each review: `user`, `item`, `part`, `preference`, `attribute`, `outcome` (`whole`, `partial`,
`sentence` or `dropped`) and the `answer`."""
GROUNDING = "grounding.csv"
"""As `grounding_table` has it."""
_COLUMNS = ["user", "item", "preference", "attribute", "part"]


class ReviewRationales(Stage):
    """A language model explains each training and validation review in two sentences: what the user prefers, and what
    the item is like (RDRec, Wang et al., ACL 2024). It is shown the review alone.

    The paper asks Llama-2-7b-chat, at temperature 0.6, of each review's one sentence about a feature.
    """

    name: ClassVar[str] = "review-rationales"
    version: ClassVar[str] = "1"
    reads_reviews: ClassVar[bool] = True

    writer: LanguageModelOptions
    """Who is asked."""
    prompt: ReviewForm = "paper"
    """`paper`: as published. `released`: as in the code, with a system message that gives both sentences their form."""
    parsing: Parsing = "tolerant"
    """How an answer is read. `released`: its second and third line without their first three characters, whatever
    stands there."""
    on_failure: Literal["drop", "sentence"] = "drop"
    """What becomes of a review whose answer has neither sentence: it is left out, or (`sentence`, as in the code)
    stands for both itself."""
    review_words: int = Field(300, ge=1)
    """How many of a review's first words the prompt shows."""

    def prompt_files(self) -> Sequence[PromptFile]:
        """The wordings of the form."""
        return review_rationale_wordings(self.prompt)

    def language_model(self) -> LanguageModel.Config:
        """The writer."""
        return self.writer

    def prompts(self, train: TrainingData) -> Sequence[Prompt]:
        """One a review, those for training first."""
        tokens = train.items["token"].astype(str).tolist()
        reviews = self._reviews(train)
        return [
            review_rationale_prompt(self.prompt, tokens[item], shown)
            for item, shown in zip(reviews["item"], reviews["shown"], strict=True)
        ]

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        """Write `rationales.parquet` and `grounding.csv`. Raises `BenchError` where there is no review, or no request
        succeeds."""
        reviews = self._reviews(train)
        if not len(reviews):
            why = "the data set has no reviews" if train.reviews is None else "no training review has any text"
            raise BenchError(f"stage '{self.name}': {why}; choose a data set with reviews")
        cut = int((reviews["words"] > self.review_words).sum())
        run.log(f"{len(reviews):,} reviews, of which {cut:,} are shown down to their first {self.review_words} words")
        answers = ask_all(
            run, self.writer, self.prompts(train), self.name, "these reviews have no rationale of their own"
        )
        pairs = [parse_rationale(answer, self.parsing) for answer in answers]
        outcomes = [self._outcome(pair) for pair in pairs]
        self._tell(Counter(outcomes), run)
        if self.on_failure == "sentence":
            shown = zip(pairs, reviews["shown"], strict=True)
            pairs = [RationalePair(text, text) if pair.empty else pair for pair, text in shown]
        told = reviews[["user", "item", "part"]].assign(
            preference=pd.Series([pair.preference for pair in pairs], dtype="str"),
            attribute=pd.Series([pair.attribute for pair in pairs], dtype="str"),
            outcome=pd.Series(outcomes, dtype="str"),
            answer=pd.Series(answers, dtype="str"),
        )
        told.to_parquet(out / RATIONALES, index=False)
        self._ground(reviews, pairs, outcomes, out, run)
        for user, item in zip(reviews["user"], reviews["item"], strict=True):
            run.saw_review(int(user), int(item))

    def _reviews(self, train: TrainingData) -> pd.DataFrame:
        """`user`, `item`, `part`, `shown` and how many `words` the whole review has."""
        parts = {"train": train.reviews, "validation": train.validation_reviews}
        there = [table.assign(part=part) for part, table in parts.items() if table is not None]
        if not there:
            return pd.DataFrame({"user": [], "item": [], "part": [], "shown": [], "words": []})
        reviews = pd.concat(there, ignore_index=True)
        words = [text.split() for text in reviews["text"]]
        shown = [" ".join(some[: self.review_words]) for some in words]
        return reviews[["user", "item", "part"]].assign(shown=shown, words=[len(some) for some in words])

    def _outcome(self, pair: RationalePair) -> str:
        if pair.empty:
            return "sentence" if self.on_failure == "sentence" else "dropped"
        return "whole" if pair.whole else "partial"

    def _tell(self, outcomes: Counter[str], run: StageRun) -> None:
        """How the answers came out; to a reader of results only what is amiss."""
        asked = outcomes.total()
        amiss = [
            f"{count:,} of {asked:,} answers {what}"
            for outcome, what in (
                ("partial", "have one sentence only"),
                ("dropped", "cannot be read and are left out"),
                ("sentence", "cannot be read, and the review stands for both sentences"),
            )
            if (count := outcomes[outcome])
        ]
        run.log(f"{outcomes['whole']:,} of {asked:,} answers have both sentences")
        for line in amiss:
            run.log(line)
        if amiss:
            run.remark("; ".join(amiss))

    def _ground(
        self, reviews: pd.DataFrame, pairs: Sequence[RationalePair], outcomes: Sequence[str], out: Path, run: StageRun
    ) -> None:
        """Write how far the rationales are borne out by what was shown, and say it."""
        read = [outcome in ("whole", "partial") for outcome in outcomes]
        rows = zip(pairs, reviews["shown"], read, strict=True)
        values = [
            grounding(f"{pair.preference} {pair.attribute}", shown) if there else None for pair, shown, there in rows
        ]
        table = grounding_table([len(shown.split()) for shown in reviews["shown"]], values)
        table.to_csv(out / GROUNDING, index=False, float_format="%.4f")
        for length, rationales, mean in table.itertuples(index=False):
            whose = "all reviews" if length == "all" else f"reviews of {length} words"
            run.log(f"{whose}: {rationales:,} rationales, {mean:.1%} of their content words in the review")
        if len(table):
            run.remark(
                f"{table['grounding'].iloc[-1]:.1%} of a rationale's content words are in its review, on average"
            )


def read_review_rationales(folder: Path) -> pd.DataFrame:
    """`user` and `item` (int32), `preference`, `attribute` (str, '' where it is missing) and `part` (`train` or
    `validation`) of every rationale that could be read, in the order of the reviews."""
    told = pd.read_parquet(folder / RATIONALES)
    return told.loc[told["outcome"] != "dropped", _COLUMNS].reset_index(drop=True)
