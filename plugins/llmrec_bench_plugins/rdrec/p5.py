"""P5: one T5 for many tasks, all of them sentences, asked in one that it learned or in one that it never saw."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from llmrec_bench import Queries, Run, TrainingData
from llmrec_bench_plugins.rdrec import p5_tasks as tasks_of_p5
from llmrec_bench_plugins.rdrec import p5_wordings as wordings_of_p5
from llmrec_bench_plugins.rdrec.id_tokens import IdTokenizer
from llmrec_bench_plugins.rdrec.item_ranking import shown_order
from llmrec_bench_plugins.rdrec.p5_wordings import AskedWith, worded
from llmrec_bench_plugins.rdrec.review_tasks import ExplanationTask
from llmrec_bench_plugins.rdrec.schedule import Batching
from llmrec_bench_plugins.rdrec.t5_recommender import Ratio, T5Recommender
from llmrec_bench_plugins.rdrec.tasks import Task
from llmrec_bench_plugins.rdrec.templates import P5_EXPLANATION, Wordings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from llmrec_bench_plugins.blocks.prompted_t5 import TextBatch


class P5Ratio(Ratio):
    """How often each task is drawn; with `batching: pooled`, how often an epoch goes over its users or reviews."""

    sequential: int = Field(default=5, ge=0)
    """The next item of a history."""
    sequential_choice: int = Field(default=5, ge=0)
    """The same, among other items."""
    sequential_yes_no: int = Field(default=10, ge=0)
    """Whether an item is the next one."""
    top_n: int = Field(default=5, ge=0)
    """The user's own item among others, without a history."""
    top_n_yes_no: int = Field(default=10, ge=0)
    """Whether an item is one of the user's."""


class P5(T5Recommender):
    """T5 learns to name a user's next item, freely or among others, to pick a user's own item out of a list, to say yes
    or no to an item and, where there are reviews, to write what a user would say about an item.

    P5's tasks of ratings and of summarising reviews are not part of the comparison and are left out, as are prompts
    that name users, tell items by title, or give a review's headline, stars or feature word away. Prompts hold no words
    of items: what is learned of an item is learned of the digits of its number, and of what reviews say. Each word of a
    prompt has a vector that all its tokens share, by the word's place in the text; there are no prompt vectors.
    """

    name = "p5"
    version = "1"
    source = "Geng et al., Recommendation as Language Processing (RLP): P5, RecSys 2022"
    settings: ClassVar = {
        "released": {
            "trunk": {"kind": "pretrained", "model": "google-t5/t5-small"},
            "learning_rate": 1e-3,
            "batch_size": 128,
            "patience": None,
            "history_length": 10_000,
            "longest_prompt": 512,
            "text_tokens": 64,
            # Its code draws one of twelve wordings 20 times a user, and one of seven 15 times, whatever their kind: 6,
            # 4 and 2 of the twelve, 3 and 4 of the seven. These are the whole numbers next to that.
            "ratio": {
                "sequential": 10,
                "sequential_choice": 7,
                "sequential_yes_no": 3,
                "top_n": 6,
                "top_n_yes_no": 9,
            },
            "ranking": "free",
            "write_seen": True,
            "repeated_item": "last",
            "whole_words_when_asked": False,
            # transformers counts the token that every text begins with: a text of 9 to 20 has 8 to 19 others.
            "explanation_search": {"beams": 12, "groups": 3, "penalty": 0.0, "shortest": 8, "longest": 19},
        }
    }

    class Config(T5Recommender.Config):
        """Options of P5. The settings `released` are those of its code and notebook, on Amazon Beauty with T5-small;
        `asked_with: held_out` makes its other row. Not repeated: tasks that are left out, half precision, and a penalty
        for explanations that favours repeats."""

        wordings: ClassVar[tuple[Wordings, ...]] = (
            P5_EXPLANATION,
            *(task.wordings for task in tasks_of_p5.TASKS),
        )

        prompt_vectors: int = Field(0, ge=0)
        """Vectors that stand before a text, of each task its own; P5 has none."""
        longest_prompt: int | None = Field(None, ge=8)
        """Of a longer prompt so many tokens are read, the end token among them, and the rest is not: with many
        candidates or a long history, P5's 512 cut some of them off. null: all is read."""
        batching: Batching = "pooled"
        """`pooled`: an epoch goes over all that a task has as many times as `ratio` says, all tasks shuffled together.
        `alternating` and `mixed`: as POD has them."""
        epochs: int = Field(10, ge=1)
        """At most this many; of an epoch `batching` and `ratio` say how long it is."""
        warmup_share: float | None = Field(0.05, ge=0, lt=1)
        """The learning rate rises from 0 over this share of all steps of `epochs` and falls to 0 at the last, evenly.
        null: it stays."""
        clip_norm: float | None = Field(1.0, gt=0)
        """The largest norm of all gradients together; longer ones are scaled down to it. null: none."""
        mean_loss_over: Literal["tokens", "texts"] = "texts"
        """What the loss of a batch is the mean over: the tokens of all its targets, or the texts, each by the mean over
        its own tokens."""
        negatives: int = Field(99, ge=1)
        """Items beside the right one in a list."""
        text_tokens: int = Field(20, ge=1)
        """Of a text that it learns to write, the first so many tokens are learned; P5 has 64."""
        ratio: P5Ratio = P5Ratio()
        """How often each task is drawn."""
        asked_with: AskedWith = "seen"
        """The wording that items are asked for in: one of those learned (`seen`; P5's 2-3 and 5-5), or one that is kept
        out of training (`held_out`; 2-13 and 5-8). Explanations are asked for in one that is learned."""
        whole_words_when_asked: bool = True
        """Whether the vectors of whole words are added when items are asked for, as they are in training. P5's notebook
        leaves them out."""

    config: Config

    def tasks(self, train: TrainingData, run: Run) -> Sequence[Task]:
        """Explanation, three that read a history, and two that do not."""
        config = self.config
        return (
            ExplanationTask(train, config.text_tokens, P5_EXPLANATION),
            *(task(train, config.history_length, config.negatives, run.seed) for task in tasks_of_p5.TASKS),
        )

    def id_tokenizer(self, tokenizer: "PreTrainedTokenizerBase") -> IdTokenizer:
        """With every word a whole word."""
        return IdTokenizer(tokenizer, self.config.whole_words, "words", self.config.longest_prompt)

    def asked(self, queries: Queries, task: str) -> "TextBatch":
        """In the wording of `asked_with`, a history with commas."""
        if task == "sequential":
            line = wordings_of_p5.SEQUENTIAL.asked(self.config.asked_with)
            shown = [queries.histories[row][-self.config.history_length :].tolist() for row in range(len(queries))]
            texts = [worded(line, user, items) for user, items in zip(queries.users.tolist(), shown, strict=True)]
        else:
            assert queries.candidates is not None
            line = wordings_of_p5.TOP_N.asked(self.config.asked_with)
            texts = [
                worded(line, user, listed=shown_order(row, user, self._seed))
                for user, row in zip(queries.users.tolist(), queries.candidates, strict=True)
            ]
        batch = self._writer.batch(texts, [task] * len(texts))
        return batch if self.config.whole_words_when_asked else replace(batch, words=None)

    def explanation_prompts(self, users: npt.NDArray[np.int32], items: npt.NDArray[np.int32]) -> list[str]:
        """What the task explanation is asked with, a text a pair."""
        return [P5_EXPLANATION.bare(user, [item]) for user, item in zip(users.tolist(), items.tolist(), strict=True)]
