"""SLIM's student: a smaller language model learns to write a teacher's rationales."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from llmrec_bench import BenchError, PromptFile, StageRun, TrainingData, TransferableStage
from llmrec_bench_plugins.stages.causal_models import one_line
from llmrec_bench_plugins.stages.rationale_steps import parse_steps
from llmrec_bench_plugins.stages.rouge import rouge_l
from llmrec_bench_plugins.stages.student_answers import LONGEST, tell, whole, write_answers
from llmrec_bench_plugins.stages.student_bases import Base
from llmrec_bench_plugins.stages.student_prompt import STUDENT, student_prompt
from llmrec_bench_plugins.stages.teacher_rationales import TeacherRationales
from llmrec_bench_plugins.stages.user_histories import user_histories
from llmrec_bench_plugins.stages.wording import cut_titles

if TYPE_CHECKING:
    from llmrec_bench_plugins.blocks.distillation import Outcome, Pair
    from llmrec_bench_plugins.blocks.text_generation import CausalModel

REPORT = "report.json"
"""What the distillation came to; `base` says what the student was before."""


@dataclass(frozen=True)
class _Lesson:
    user: int
    items: list[str]
    """Tokens of the items shown."""
    prompt: str
    answer: str


class DistilledStudent(TransferableStage):
    """A student learns to answer a short prompt about a history as the teacher answered a long one (SLIM, Eq. 4).

    Of a pretrained base the folder holds a LoRA adapter as peft reads it, of one from scratch a model as transformers
    reads it; and `report.json`. Only rationales that serve training are learned, so that what a student knows by
    heart holds no validation target; with the teacher's cut-off `single_train` it holds training targets.
    """

    name: ClassVar[str] = "distilled-student"
    version: ClassVar[str] = "1"

    kind: Literal["distilled"] = "distilled"
    """Distilled on these data."""
    teacher: TeacherRationales
    """Whose rationales it learns."""
    base: Base
    """What it is before it learns; the paper has LLaMA2-7B."""
    users: int | None = Field(None, ge=2)
    """Learn from so many users only, drawn by `seed`; null: all that the teacher wrote about. The paper has 1000
    (Games) or 2000."""
    held_out: float = Field(0.05, gt=0, lt=1)
    """The share of them that is kept back, at least one, to choose the best epoch by."""
    seed: int = Field(0, ge=0)
    """Draws users, held-out pairs, weights, batches and dropout."""

    def prompt_files(self) -> Sequence[PromptFile]:
        """The one that the paper prints."""
        return [STUDENT]

    def fault(self, device: str) -> str | None:
        """The base's."""
        return self.base.fault(device)

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        """Distil, and ask the student about the held-out users.

        Raises `BenchError` where fewer than two rationales can be learned from, where the base cannot be had, and
        where memory runs out.
        """
        rng = np.random.default_rng(self.seed)
        lessons = self._lessons(train, run, rng)
        codes = {token: code for code, token in enumerate(train.items["token"].astype(str))}
        for lesson in lessons:
            run.saw(lesson.user, [codes[token] for token in lesson.items])
        kept_back = max(1, round(self.held_out * len(lessons)))
        order = rng.permutation(len(lessons)).tolist()
        tested, learned = ([lessons[i] for i in sorted(part)] for part in (order[:kept_back], order[kept_back:]))
        texts = [text for lesson in learned for text in (lesson.prompt, lesson.answer)]
        model = self.base.untrained(texts, self.seed, run.device)
        outcome = self._distil(model, learned, tested, run)
        self.base.save(model, out)

        begin = perf_counter()
        answers = write_answers(model, [lesson.prompt for lesson in tested], _longest(model), 0.0, 0, 16)
        likeness = [rouge_l(answer.text, lesson.answer) for answer, lesson in zip(answers, tested, strict=True)]
        report = {
            "base": self.base.known_as(),
            "learned": len(learned),
            "held_out": len(tested),
            "loss_before": outcome.loss_before,
            "loss_after": outcome.loss_after,
            "best_epoch": outcome.best_epoch,
            "whole_share": float(np.mean(whole(answers))),
            "rouge_l": float(np.mean(likeness)),
            "tokens": outcome.tokens,
            "training_seconds": outcome.seconds,
            "answering_seconds": perf_counter() - begin,
        }
        (out / REPORT).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        run.log(
            f"{len(learned):,} pairs learned, {outcome.tokens:,} tokens in {outcome.seconds:,.0f} s; held-out loss "
            f"{outcome.loss_before:.3f} before and {outcome.loss_after:.3f} after epoch {outcome.best_epoch}"
        )
        run.remark(f"held out: {tell(answers, _longest(model))}; ROUGE-L {report['rouge_l']:.3f} to the teacher's")

    def trained(self, run: StageRun) -> "CausalModel":
        """The student, for a stage that has it among its options."""
        return self.base.trained(run.artifact(self), run.device)

    def _lessons(self, train: TrainingData, run: StageRun, rng: np.random.Generator) -> list[_Lesson]:
        """In the order of users. Raises `BenchError` where there are fewer than two."""
        teacher = self.teacher
        told = [text for text in teacher.read(train, run) if "train" in text.serves]
        written = [text for text in told if text.text]
        useful = [text for text in written if _has_a_step(text.text)]
        if len(useful) < len(told):
            empty, stepless = len(told) - len(written), len(written) - len(useful)
            run.log(f"left out of {len(told):,} rationales: {empty:,} empty, {stepless:,} without any of the steps")
        if len(useful) < 2:
            raise BenchError(
                f"stage '{self.name}': {len(useful)} of {len(told):,} rationales of the teacher can be learned from; "
                "two are needed, with steps in them"
            )
        if self.users is not None and self.users < len(useful):
            useful = [useful[i] for i in np.sort(rng.choice(len(useful), self.users, replace=False)).tolist()]
        tokens = train.items["token"].astype(str).tolist()
        titles = cut_titles(train.items["title"], teacher.title_words)
        histories = user_histories(train, teacher.cutoff, teacher.history_length)
        shown = {h.user: [item for item in h.items if titles[item]] for h in histories if "train" in h.serves}
        return [
            _Lesson(
                user=text.user,
                items=[tokens[item] for item in shown[text.user]],
                prompt=student_prompt([titles[item] for item in shown[text.user]]),
                answer=text.text,
            )
            for text in useful
        ]

    def _distil(
        self, model: "CausalModel", learned: Sequence[_Lesson], tested: Sequence[_Lesson], run: StageRun
    ) -> "Outcome":
        from llmrec_bench_plugins.blocks.distillation import DivergedError, TooLargeError, distil

        pairs = self._pairs(model, learned, run, "pairs to learn")
        held_out = self._pairs(model, tested, run, "held-out pairs")
        try:
            return distil(model.model, pairs, held_out, self.base.training(), self.seed, run.scratch, run.log)
        except DivergedError as error:
            raise BenchError(f"stage '{self.name}': {error}; a smaller learning_rate would help") from None
        except TooLargeError as error:
            raise BenchError(
                f"stage '{self.name}': {error} does not fit the memory of {run.device}; {self._smaller()}"
            ) from error

    def _pairs(self, model: "CausalModel", lessons: Sequence[_Lesson], run: StageRun, what: str) -> list["Pair"]:
        """Those that fit the context. Raises `BenchError` where none does, or answers could not end."""
        from jinja2 import TemplateError

        from llmrec_bench_plugins.blocks.distillation import paired

        try:
            pairs = [paired(model, lesson.prompt, lesson.answer) for lesson in lessons]
        except ValueError as error:
            raise BenchError(f"stage '{self.name}': {error}; take another base") from None
        except TemplateError as error:
            why = f"the base's chat template refuses the prompt ({one_line(error)})"
            raise BenchError(f"stage '{self.name}': {why}; take another base") from None
        context = min(self.base.context_length, model.positions or self.base.context_length)
        fitting = [pair for pair in pairs if len(pair.tokens) <= context]
        if not fitting:
            shortest = min(len(pair.tokens) for pair in pairs)
            raise BenchError(
                f"stage '{self.name}': none of {len(pairs):,} {what} fits a context of {context:,} tokens; the "
                f"shortest has {shortest:,}"
            )
        if len(fitting) < len(pairs):
            run.log(f"left out of {len(pairs):,} {what}: {len(pairs) - len(fitting):,} longer than {context:,} tokens")
        return fitting

    def _smaller(self) -> str:
        """What to change where memory ran out."""
        base = self.base
        if base.batch_size > 1:
            return f"`batch_size: 1` with `accumulation: {base.batch_size * base.accumulation}` learns the same in less"
        if not base.gradient_checkpointing:
            return "`gradient_checkpointing: true` needs less"
        return "a smaller base or a teacher with a shorter history_length needs less"


def _has_a_step(text: str) -> bool:
    steps = parse_steps(text)
    return bool(steps.preferences or steps.kinds or steps.products)


def _longest(model: "CausalModel") -> int:
    """Tokens of a held-out answer: SLIM's, or half of the positions of a model with few."""
    return LONGEST if model.positions is None else min(LONGEST, max(1, model.positions // 2))
