"""What every recommender shares that writes item ids with T5: options, fitting and ranking. One more says its tasks."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from llmrec_bench import PAD, BenchError, Config, Method, Operational, Queries, Range, Run, Scores, TrainingData
from llmrec_bench_plugins.backbones.preconditions import need_device, need_validation
from llmrec_bench_plugins.rdrec.explanations import ExplanationSearch, written_explanations
from llmrec_bench_plugins.rdrec.free_answers import FreeAnswers, Repeated
from llmrec_bench_plugins.rdrec.id_tokens import IdTokenizer, padded
from llmrec_bench_plugins.rdrec.item_ranking import ItemWriter, item_writer, shown_order
from llmrec_bench_plugins.rdrec.number_order import number_order
from llmrec_bench_plugins.rdrec.schedule import Batching, EpochBy, Passes, epoch_plan, pooled_plan
from llmrec_bench_plugins.rdrec.tasks import Example, Task, sequential_prompts
from llmrec_bench_plugins.rdrec.templates import EXPLANATION, SEQUENTIAL, TOP_N, Wordings
from llmrec_bench_plugins.rdrec.trunks import FromScratchT5, Trunk

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

    from llmrec_bench_plugins.blocks.prompted_t5 import Encoded, TextBatch
    from llmrec_bench_plugins.blocks.text_to_text_training import Batches


class Ratio(Config):
    """How often each task is drawn, beside the others: batches where these alternate, shares where they are mixed,
    passes over all it has where they are pooled."""

    explanation: int | None = Field(default=None, ge=0)
    """What a user wrote about an item. null: 1 where the data have reviews, else 0; the log says which."""
    sequential: int = Field(default=1, ge=0)
    """The next item of a history."""
    top_n: int = Field(default=1, ge=0)
    """The user's own item in a list."""

    @model_validator(mode="after")
    def _some_task(self) -> Self:
        if not any(self.model_dump().values()):
            raise ValueError("all tasks have the share 0; at least one has to be drawn")
        return self


class T5Recommender(Method):
    """A T5 that learns several tasks in words and is asked for item numbers.

    A subclass names itself, lists its `tasks`, names their shares in `Config.ratio`, and says in `Config.wordings` what
    they are worded in. Users and items stand in texts by number, code plus 1: numbers that give answers away do so here
    too, unless the data set is read with `item_id_order: shuffled(SEED)`.
    """

    class Config(Method.Config):
        """Options of every T5 recommender."""

        wordings: ClassVar[tuple[Wordings, ...]] = (SEQUENTIAL, TOP_N)
        """The sentences of the tasks."""

        trunk: Trunk = FromScratchT5()
        """T5 before it learns: a small one from scratch, or pretrained weights."""
        prompt_vectors: int = Field(3, ge=0)
        """Vectors that stand before a text, of each task its own; POD's released logs have 10, P5 has none."""
        whole_words: int = Field(512, ge=2)
        """Rows of the table with a vector for the first, second, ... whole word of a text: ids alone, or in P5 every
        word."""
        history_length: int = Field(20, ge=1, le=10_000)
        """How many of a user's latest items a text shows."""
        ratio: Ratio = Ratio()
        """How often each task is drawn."""
        batching: Batching = "alternating"
        """`alternating`: each batch has one task, and they take turns, as in the current code of POD. `mixed`: every
        batch has a share of each, as in the code behind its released logs. `pooled`: an epoch goes over all that a task
        has as many times as `ratio` says, all tasks shuffled together, as in P5."""
        batch_size: int = Field(64, ge=1)
        """Examples in one step."""
        epochs: int = Field(100, ge=1)
        """At most this many."""
        epoch_by: EpochBy = "tasks"
        """When an epoch is over: when every task has gone over all it has (`tasks`); after as many batches as all
        examples of all tasks fill (`examples`), as in the current code of POD, where the larger tasks see only a part;
        or when the reviews are used up, whatever the other tasks have left (`explanation`), as in the code behind its
        released logs and in RDRec's."""
        learning_rate: Annotated[float, Range(3e-4, 1e-2, log=True)] = Field(3e-3, gt=0)
        """AdamW's; for pretrained weights take 5e-4 or 1e-3, as the papers do for T5-small."""
        weight_decay: float = Field(0.01, ge=0)
        """AdamW's."""
        warmup_share: float | None = Field(None, ge=0, lt=1)
        """The learning rate rises from 0 over this share of all steps of `epochs` and falls to 0 at the last, evenly;
        P5 has 0.05. null: it stays."""
        clip_norm: float | None = Field(None, gt=0)
        """The largest norm of all gradients together; longer ones are scaled down to it. P5 has 1. null: none."""
        mean_loss_over: Literal["tokens", "texts"] = "tokens"
        """What the loss of a batch is the mean over: the tokens of all its targets, as in the code of POD and RDRec, or
        the texts, each by the mean over its own tokens, as in P5's code and in RDRec's Eq. 1."""
        patience: int | None = Field(5, ge=1)
        """Stop after this many epochs without a better validation loss, the mean over tasks, and keep the best epoch's
        weights. It is the loss and not a metric, as in the papers: a loss takes one pass, a metric a search for each
        user. null: train for all `epochs`, keep the last weights and use no validation data."""
        patience_counts: Literal["consecutive", "total"] = "consecutive"
        """Which of these epochs count: those since the best one, or all, as in the released code."""
        train_on_padding: bool = False
        """Whether the pads behind short targets are learned too and count in losses, as in the released code."""
        ranking: Literal["trie", "likelihood", "free"] = "trie"
        """`trie`: a beam search that can only write numbers of candidates; an item that no beam ends in has no score.
        `likelihood`: the exact log-probability of every candidate's number; slow for a whole catalogue. `free`: a beam
        search that may write anything, as in the papers; below the tables stands what it came to."""
        beams: int = Field(20, ge=1)
        """For `trie` and `free`: how many texts are pursued at once, and so how many items get a score at most. With
        as many as candidates, `trie` is exact."""
        repeated_item: Repeated = "best"
        """For `free`: whether an item that several texts name, such as `7` and `07`, has the likeliest one's place and
        score, or the last one's, as in P5's code."""
        return_beams: int | None = Field(None, ge=1)
        """For `trie` and `free`: how many of the texts count, the likeliest ones; null: all. POD's code returns 10 of
        20 beams, RDRec's 15."""
        write_seen: bool = False
        """Whether items of the history count as written. If not, `trie` cannot write them, and `free` drops them, so
        that later ones move up, as in RDRec's code; it goes with `seen: mask` of the protocol, which masks them
        anyway."""
        candidates_prompt: Literal["sequential", "top_n"] = "sequential"
        """What is asked where the protocol names candidates: for the next item after the history, or for the best of
        the listed candidates, without a history. The whole catalogue is always asked for as `sequential`."""
        explanation_search: ExplanationSearch = ExplanationSearch()
        """How texts that explain are searched for, where it learned to write them."""
        ask_at_once: Annotated[int, Operational()] = Field(64, ge=1)
        """Queries computed together."""

        @model_validator(mode="after")
        def _asks_what_it_learned(self) -> Self:
            if not getattr(self.ratio, self.candidates_prompt):
                prompt = self.candidates_prompt
                raise ValueError(
                    f"`candidates_prompt: {prompt}` asks for the task {prompt}, whose share in `ratio` is 0"
                )
            return self

        @model_validator(mode="after")
        def _has_one_epoch(self) -> Self:
            if self.batching == "pooled" and self.epoch_by != "tasks":
                raise ValueError(f"`epoch_by: {self.epoch_by}`: with `batching: pooled` an epoch is as `ratio` says")
            return self

        @model_validator(mode="after")
        def _returns_what_it_pursues(self) -> Self:
            if self.return_beams is not None and self.return_beams > self.beams:
                raise ValueError(f"`return_beams: {self.return_beams}` of `beams: {self.beams}`: it cannot be more")
            return self

        def identity(self) -> dict[str, Any]:
            """With the hashes of the wordings."""
            return {**super().identity(), "prompt_hashes": [wording.file.hash for wording in self.wordings]}

    config: Config

    @abstractmethod
    def tasks(self, train: TrainingData, run: Run) -> Sequence[Task]:
        """What it can learn from these data, in the order of the prompt vectors."""

    def id_tokenizer(self, tokenizer: "PreTrainedTokenizerBase") -> IdTokenizer:
        """What is a whole word: an id."""
        return IdTokenizer(tokenizer, self.config.whole_words)

    def fit(self, train: TrainingData, run: Run) -> None:
        """Train. The run's seed decides weights, dropout, what is drawn of users, and the order of batches."""
        import torch

        from llmrec_bench_plugins.blocks.epochs import DivergedError
        from llmrec_bench_plugins.blocks.text_to_text_training import TextToTextOptions, train_text_to_text

        config = self.config
        need_device(self.name, run.device)
        need_validation(self.name, train, config.patience, config.epochs)
        self._seed, self._answers, self._ratio = run.seed, FreeAnswers(), self._shares(train, run)
        self._number_order = number_order(train.sequences, train.n_items)
        tasks = {task.name: task for task in self.tasks(train, run)}
        self._check_sources(tasks, run)
        validation = {name: tasks[name].validation() for name in self._ratio} if config.patience is not None else {}
        if config.patience is not None and not any(validation.values()):
            raise BenchError(f"{self.name}: no validation query has a history to ask with; set `patience: null`")
        options = TextToTextOptions(
            config.epochs,
            config.learning_rate,
            config.weight_decay,
            config.patience,
            config.patience_counts,
            config.mean_loss_over,
            config.warmup_share,
            config.clip_norm,
        )
        # Weights and dropout draw from torch's global generators: seeded here, and put back as they were afterwards.
        with torch.random.fork_rng(devices=[] if run.device == "cpu" else [run.device]):
            torch.manual_seed(run.seed)
            self._writer = self._build(train, tasks, run.device)
            try:
                outcome = train_text_to_text(
                    self._writer.model,
                    self._epochs(tasks, run.rng),
                    sum(1 for _ in self._plan(tasks, np.random.default_rng(run.seed))),
                    [self._batches(examples) for examples in validation.values() if examples],
                    options,
                    run.log,
                )
            except DivergedError as error:
                raise BenchError(f"{self.name}: {error}; try a smaller `learning_rate`") from error
        run.log(f"kept epoch {outcome.best_epoch} of {outcome.epochs}")

    def _shares(self, train: TrainingData, run: Run) -> dict[str, int]:
        """Of the tasks that are drawn at all, by name."""
        shares: dict[str, Any] = self.config.ratio.model_dump()
        if shares["explanation"] is None:
            n_reviews = 0 if train.reviews is None else len(train.reviews)
            run.log(
                f"explanation: learned from {n_reviews:,} reviews" if n_reviews else "explanation: no reviews to learn"
            )
            shares["explanation"] = int(n_reviews > 0)
        return {name: share for name, share in shares.items() if share}

    def _check_sources(self, tasks: Mapping[str, Task], run: Run) -> None:
        if self.config.epoch_by == "explanation" and "explanation" not in self._ratio:
            raise BenchError(
                f"{self.name}: `epoch_by: explanation` counts reviews, and the task explanation is not learned; "
                "take `tasks` or `examples`"
            )
        for name in self._ratio:
            if not len(tasks[name].sources):
                raise BenchError(f"{self.name}: {tasks[name].lacking}")
            if tasks[name].left_out:
                run.log(f"{name}: {tasks[name].left_out}")

    def _build(self, train: TrainingData, tasks: Mapping[str, Task], device: str) -> ItemWriter:
        from llmrec_bench_plugins.blocks.prompted_t5 import PromptedT5

        config, known_as = self.config, self.config.trunk.known_as()
        templates = [line for wording in config.wordings for line in wording.filled("user_1", "item_1")]
        taught = [text for name in self._ratio for text in tasks[name].taught]
        t5, tokenizer = config.trunk.build(templates, taught)
        ids = self.id_tokenizer(tokenizer)
        ids.check(known_as, train.n_users, train.n_items)
        prompts = [prompt for task in tasks.values() for prompt in task.prompts]
        model = PromptedT5(t5, len(prompts), config.prompt_vectors, config.whole_words)
        prompt_numbers = {name: place for place, name in enumerate(prompts)}
        return item_writer(model, ids, train.n_items, prompt_numbers, known_as, device)

    def _plan(self, tasks: Mapping[str, Task], rng: np.random.Generator) -> Iterator[dict[str, int]]:
        """The batches of one epoch: examples by task."""
        ratio, config = self._ratio, self.config
        sizes = {name: len(tasks[name].sources) * tasks[name].counts for name in ratio}
        if config.batching == "pooled":
            return pooled_plan(ratio, sizes, config.batch_size, rng)
        return epoch_plan(ratio, sizes, config.batch_size, config.batching, config.epoch_by)

    def _epochs(self, tasks: Mapping[str, Task], rng: np.random.Generator) -> "Callable[[], Batches]":
        """A function that gives the batches of one more epoch."""
        passes = {name: Passes(tasks[name].sources, rng) for name in self._ratio}

        def drawn(name: str, count: int) -> list[Example]:
            return tasks[name].draw(passes[name].take(max(1, count // tasks[name].counts)), rng)

        def epoch() -> "Iterator[tuple[TextBatch, Tensor]]":
            for plan in self._plan(tasks, rng):
                yield self._batch([example for name, count in plan.items() for example in drawn(name, count)])

        return epoch

    def _batches(self, examples: Sequence[Example]) -> "Callable[[], Batches]":
        """A function that gives all the examples of a task, in order."""

        def batches() -> "Iterator[tuple[TextBatch, Tensor]]":
            size = self.config.batch_size
            for start in range(0, len(examples), size):
                yield self._batch(examples[start : start + size])

        return batches

    def _batch(self, examples: Sequence[Example]) -> "tuple[TextBatch, Tensor]":
        """Texts and int64 (B, T) labels."""
        import torch

        ids = self._writer.ids
        whole = ids.targets([example.target for example in examples])
        targets = [tokens[: example.target_tokens] for tokens, example in zip(whole, examples, strict=True)]
        pad = int(ids.tokenizer.pad_token_id) if self.config.train_on_padding else -100
        labels = torch.from_numpy(padded(targets, pad)).to(self._writer.device)
        texts = self._writer.batch([example.source for example in examples], [example.prompt for example in examples])
        return texts, labels

    @property
    def parameters(self) -> int:
        """Of T5, the prompt vectors and the table of whole words."""
        return sum(weight.numel() for weight in self._writer.model.parameters())

    @property
    def remarks(self) -> Sequence[str]:
        """What free texts came to, and whether item numbers follow the order of the data."""
        return [*self._answers.remarks(), *([self._number_order] if self._number_order else [])]

    def score(self, queries: Queries) -> Scores:
        """float32 (B, C): the log-probability of an item's number; NaN where no beam ended in it, and for a query that
        has nothing to ask with, an empty history (`sequential`) or no candidate (`top_n`).

        Raises `BenchError` for a list of candidates longer than the table of whole words, and for the whole catalogue
        where only `top_n` was learned.
        """
        import torch

        width = self._writer.n_items if queries.candidates is None else queries.candidates.shape[1]
        scores = np.full((len(queries), width), np.nan, dtype=np.float32)
        if queries.candidates is not None and self.config.candidates_prompt == "top_n":
            task, asked = "top_n", np.flatnonzero((queries.candidates != PAD).any(axis=1))
        else:
            if "sequential" not in self._ratio:
                raise BenchError(
                    f"{self.name}: the whole catalogue is asked for as sequential, a task that `ratio` leaves out; "
                    "give it a share, or let the protocol have sampled candidates"
                )
            task, asked = "sequential", np.flatnonzero(queries.histories.lengths > 0)
        # Texts of like length share a batch.
        asked = asked[np.argsort(queries.histories.lengths[asked], kind="stable")]
        with torch.inference_mode():
            for start in range(0, len(asked), self.config.ask_at_once):
                rows = asked[start : start + self.config.ask_at_once]
                block = queries.take(rows)
                encoded = self._writer.model.encode(self.asked(block, task))
                over_catalogue = self._ranked(block, encoded)  # (b, I)
                if block.candidates is None:
                    scores[rows] = over_catalogue
                    continue
                places = np.maximum(block.candidates, 0).astype(np.int64)
                scores[rows] = np.take_along_axis(over_catalogue, places, axis=1)
        return scores

    def explanation_prompts(self, users: npt.NDArray[np.int32], items: npt.NDArray[np.int32]) -> list[str]:
        """What the task explanation is asked with, a text a pair."""
        return [EXPLANATION.bare(user, [item]) for user, item in zip(users.tolist(), items.tolist(), strict=True)]

    def explain(self, users: npt.NDArray[np.int32], items: npt.NDArray[np.int32]) -> Sequence[str] | None:
        """What each user would write of the item, by their codes; None where it never learned to explain."""
        if "explanation" not in self._ratio:
            return None
        prompts = self.explanation_prompts(users, items)
        return written_explanations(self._writer, prompts, self.config.explanation_search, self.config.ask_at_once)

    def asked(self, queries: Queries, task: str) -> "TextBatch":
        """The texts that queries are asked with, one a query: in the bare wording of `sequential` or of `top_n`."""
        if task == "sequential":
            texts = sequential_prompts(queries, self.config.history_length)
        else:
            assert queries.candidates is not None
            texts = [
                TOP_N.bare(user, shown_order(row, user, self._seed))
                for user, row in zip(queries.users.tolist(), queries.candidates, strict=True)
            ]
        return self._writer.batch(texts, [task] * len(texts))

    def _ranked(self, queries: Queries, encoded: "Encoded") -> Scores:
        """float32 (B, I)."""
        config = self.config
        if config.ranking == "likelihood":
            return self._writer.likelihoods(encoded, queries)
        if config.ranking == "free":
            return self._writer.written(
                encoded,
                queries,
                config.beams,
                config.return_beams,
                config.write_seen,
                config.repeated_item,
                self._answers,
            )
        return self._writer.searched(encoded, queries, config.beams, config.return_beams, config.write_seen)
