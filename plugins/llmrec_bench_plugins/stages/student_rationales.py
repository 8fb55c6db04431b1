"""SLIM's rationales: a student writes about every user."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from llmrec_bench import BenchError, Operational, PromptFile, Stage, StageRun, TrainingData
from llmrec_bench_plugins.stages.distilled_student import DistilledStudent
from llmrec_bench_plugins.stages.rationales import rationale_texts, texts_for_test, write_rationales
from llmrec_bench_plugins.stages.served_targets import check_served
from llmrec_bench_plugins.stages.student_answers import LONGEST, Answer, tell, write_answers
from llmrec_bench_plugins.stages.student_folder import StudentFolder
from llmrec_bench_plugins.stages.student_prompt import STUDENT, student_prompt
from llmrec_bench_plugins.stages.user_histories import Cutoff, UserHistory, UserText, titled_histories
from llmrec_bench_plugins.stages.wording import cut_titles

if TYPE_CHECKING:
    from llmrec_bench_plugins.blocks.text_generation import CausalModel

_SLICE = 256
"""Answers that are kept together against a kill."""


class StudentRationales(Stage):
    """A student summarises what a user prefers, names kinds of item that match, and items of these kinds, for all users
    with a history (SLIM). Texts come in the form of `teacher-rationales`."""

    name: ClassVar[str] = "student-rationales"
    version: ClassVar[str] = "1"

    kind: Literal["student"] = "student"
    """A student's rationales."""
    student: Annotated[DistilledStudent | StudentFolder, Field(discriminator="kind")]
    """Who writes."""
    cutoff: Cutoff | None = None
    """Which items a rationale may be made from, as for the teacher; null: as the student's teacher had it, `earliest`
    for a student from a folder."""
    history_length: int | None = Field(None, ge=1, le=1000)
    """How many of the latest items the prompt shows; null: as many as the student's teacher saw, 20 for a student from
    a folder."""
    max_new_tokens: int = Field(LONGEST, ge=1)
    """The longest answer, in tokens, its end token included; 300 in the paper."""
    temperature: float = Field(0.0, ge=0, le=2)
    """0 takes the likeliest token at each step; the paper leaves it unsaid."""
    seed: int = Field(0, ge=0)
    """With a temperature: what is drawn depends on this and the prompt."""
    batch_size: Annotated[int, Operational(), Field(ge=1)] = 32
    """Prompts answered together, at most; where memory runs out, half as many are tried."""

    def prompt_files(self) -> Sequence[PromptFile]:
        """The one that the paper prints."""
        return [STUDENT]

    def identity(self) -> dict[str, Any]:
        """With cut-off and length as they are taken, and no seed where nothing is drawn."""
        plain = super().identity() | {"cutoff": self.resolved_cutoff, "history_length": self.resolved_history_length}
        return plain if self.temperature else {**plain, "seed": None}

    def fault(self, device: str) -> str | None:
        """That of a student from a folder; a distilled one is a stage, and tells its own."""
        return self.student.fault(device) if isinstance(self.student, StudentFolder) else None

    def read(self, train: TrainingData, run: StageRun) -> list[UserText]:
        """What the student wrote."""
        return rationale_texts(run.artifact(self))

    def texts_about_users(self, folder: Path) -> Mapping[int, str]:
        """The rationales that serve the test."""
        return texts_for_test(folder)

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        """Write the rationales. Raises `BenchError` where no user has a history, and where the student cannot be had
        or answers nothing at all for want of room."""
        asked = list(self._asked(train))
        if not asked:
            raise BenchError(f"stage '{self.name}': no user has a history of titled items to write about")
        check_served(self.name, train, self.resolved_cutoff, (history for history, _ in asked), run.log)
        begin = perf_counter()
        answers = self._answers(self.student.trained(run), [prompt for _, prompt in asked], run)
        if not any(answer.fits for answer in answers):
            raise BenchError(
                f"stage '{self.name}': no prompt fits the student with {self.max_new_tokens} tokens for the answer, or "
                f"the memory of {run.device}; a shorter history_length or fewer max_new_tokens would"
            )
        seconds, tokens = perf_counter() - begin, sum(answer.tokens for answer in answers)
        run.remark(tell(answers, self.max_new_tokens))
        run.log(f"{tokens:,} tokens written in {seconds:,.0f} s, {seconds / len(answers):.2f} s each")
        write_rationales(out, train, run, ((history, a.text) for (history, _), a in zip(asked, answers, strict=True)))

    def _asked(self, train: TrainingData) -> Iterator[tuple[UserHistory, str]]:
        # A distilled student meets titles as it learned them.
        words = self.student.teacher.title_words if isinstance(self.student, DistilledStudent) else None
        titles = cut_titles(train.items["title"], words)
        for history in titled_histories(train, self.resolved_cutoff, self.resolved_history_length, titles):
            yield history, student_prompt([titles[item] for item in history.items])

    def _answers(self, model: "CausalModel", prompts: Sequence[str], run: StageRun) -> list[Answer]:
        """One for each prompt; those written before a kill are not written again."""
        answers = []
        for start in range(0, len(prompts), _SLICE):
            file = run.scratch / f"answers-{start}.json"
            if not file.exists():
                part = prompts[start : start + _SLICE]
                written = write_answers(model, part, self.max_new_tokens, self.temperature, self.seed, self.batch_size)
                run.scratch.mkdir(parents=True, exist_ok=True)
                unfinished = file.with_suffix(".part")
                unfinished.write_text(json.dumps([asdict(answer) for answer in written]), encoding="utf-8")
                os.replace(unfinished, file)
            answers += [Answer(**answer) for answer in json.loads(file.read_text(encoding="utf-8"))]
        return answers

    @property
    def resolved_cutoff(self) -> Cutoff:
        """The student's own, else its teacher's; `earliest` for a student from elsewhere."""
        return self.cutoff or (
            self.student.teacher.cutoff if isinstance(self.student, DistilledStudent) else "earliest"
        )

    @property
    def resolved_history_length(self) -> int:
        """The student's own, else its teacher's; 20 for a student from elsewhere."""
        taught = self.student.teacher.history_length if isinstance(self.student, DistilledStudent) else 20
        return self.history_length or taught
