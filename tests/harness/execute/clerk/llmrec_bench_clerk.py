"""A plugin with a language model that counts its live calls, and stages and methods that ask it.

Environment variables say what goes wrong, as they name no result:
CLERK_CALLS       file that gets a line for every live call
CLERK_AT          number of the call, over all processes that share the file, at which CLERK_DOES happens
CLERK_DOES        `stop`: no request can succeed; `fail`: this one request; `kill-run`; `kill-worker`
CLERK_SECONDS     what each answer takes
CLERK_STAGE       `raise NAME`: this stage fails; `die NAME`: its process dies
CLERK_SAW         `USER ITEM ...; USER ITEM ...`: what the notes tell of, a call each, instead of what they saw
"""

import hashlib
import multiprocessing
import os
import signal
import time
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd

from llmrec_bench import (
    BenchError,
    Completion,
    DataSource,
    LanguageModel,
    LanguageModelOptions,
    Log,
    Method,
    Operational,
    Range,
    Stage,
    Usage,
    ask,
    hookimpl,
)


def number(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:6], 16)


class Clerk(LanguageModel):
    """Answers with a number made of the prompt, and charges for it."""

    name = "clerk"
    version = "1"
    billed = True
    deployment = "API"

    class Config(LanguageModel.Config):
        counts: bool = True
        """Whether it tells its tokens."""
        desks: Annotated[int, Operational()] = 1
        """Changes nothing."""

    def answer(self, prompts):
        for i, prompt in enumerate(prompts):
            time.sleep(float(os.environ.get("CLERK_SECONDS", "0")))
            call = self._count(prompt)
            if str(call) == os.environ.get("CLERK_AT"):
                match os.environ["CLERK_DOES"]:
                    case "stop":
                        raise BenchError("clerk: no more paper")
                    case "fail":
                        yield i, Completion("", "failed", error="spilt ink")
                        continue
                    case "kill-run":
                        main = multiprocessing.parent_process()
                        os.kill(os.getpid() if main is None else main.pid, signal.SIGKILL)
                        time.sleep(60)
                    case "kill-worker":
                        os.kill(os.getpid(), signal.SIGKILL)
            usage = Usage(-(-prompt.characters // 4), 5, 0) if self.config.counts else Usage()
            text = f"{number(prompt.messages[-1].content)}"
            yield i, Completion(text, "stop", usage, 0.5)

    def _count(self, prompt) -> int:
        path = os.environ.get("CLERK_CALLS")
        if path is None:
            return 0
        with open(path, "ab+") as file:
            file.write(f"{prompt.family} {' '.join(prompt.items)}\n".encode())
            file.flush()
            file.seek(0)
            return len(file.readlines())


class Volunteer(Clerk):
    """Answers as the clerk does, for nothing."""

    name = "volunteer"
    billed = False
    simulated = True
    deployment = "local"


class Lane(DataSource):
    """Users walk round a ring of items with titles."""

    name = "lane"
    detour: int = 0
    """Added to the last item of each user, the test target."""
    start: int = 0
    """Added to every item."""
    around: int = 20
    """Items of the ring."""

    def read(self) -> Log:
        steps = np.arange(8)
        places = self.start + steps + self.detour * (steps == 7)
        user = np.repeat(np.arange(30), 8)
        events = pd.DataFrame({"user": user, "item": (user + np.tile(places, 30)) % self.around})
        titles = [f"The Long Story of Item Number {i}" for i in range(20)]
        return Log(events, pd.DataFrame({"title": titles}, index=range(20)))


def fate(stage: Stage) -> None:
    match os.environ.get("CLERK_STAGE", "").split():
        case ["raise", stage.name]:
            raise ValueError(f"{stage.name} is meant to fail")
        case ["die", stage.name]:
            os.kill(os.getpid(), signal.SIGKILL)


class Notes(Stage):
    """What the clerk says of every item."""

    name: ClassVar[str] = "notes"
    version: ClassVar[str] = "1"

    writer: LanguageModelOptions
    """Who is asked."""
    style: str = "plain"
    """How to write."""
    peeks: bool = False
    """Whether the first user's interactions go in."""
    hurry: Annotated[int, Operational()] = 1
    """Changes nothing."""

    def language_model(self):
        return self.writer

    def prompts(self, train):
        rows = zip(train.items["token"], train.items["title"], strict=True)
        return [ask(f"Write in a {self.style} style about: {title}", "note", (token,)) for token, title in rows]

    def build(self, train, out, run):
        (out / "half").write_text("built")
        fate(self)
        completions = run.llm(self.writer).complete(self.prompts(train))
        failed = sum(completion.failed for completion in completions)
        run.log(f"{failed} failed")
        run.remark("notes are short")
        if self.peeks:
            items = train.sequences.items[: train.sequences.offsets[1]]
            run.saw(0, items)
        for call in filter(None, os.environ.get("CLERK_SAW", "").split(";")):
            user, *items = map(int, call.split())
            run.saw(user, items)
        table = pd.DataFrame({"token": train.items["token"], "text": [c.text for c in completions]})
        table.to_parquet(out / "notes.parquet", index=False)


class Digest(Stage):
    """A number for every note."""

    name: ClassVar[str] = "digest"
    version: ClassVar[str] = "1"

    notes: Notes
    """What is digested."""
    salt: int = 0
    """Changes the numbers."""

    def build(self, train, out, run):
        fate(self)
        table = pd.read_parquet(run.artifact(self.notes) / "notes.parquet")
        numbers = [number(f"{self.salt} {text}") for text in table["text"]]
        pd.DataFrame({"number": numbers}).to_parquet(out / "digest.parquet", index=False)


class Ranker(Method):
    def score(self, queries):
        rows = np.broadcast_to(self.values.astype(np.float32), (len(queries), len(self.values)))
        if queries.candidates is None:
            return rows.copy()
        return np.take_along_axis(rows, np.maximum(queries.candidates, 0), 1)


class Skimmer(Ranker):
    """Scores by the notes alone."""

    name = "skimmer"
    version = "1"

    class Config(Method.Config):
        notes: Notes
        """What it reads."""

    def fit(self, train, run):
        table = pd.read_parquet(run.artifact(self.config.notes) / "notes.parquet")
        self.values = np.array([number(text) for text in table["text"]])


class Reader(Ranker):
    """Scores by the digest."""

    name = "reader"
    version = "1"

    class Config(Method.Config):
        digest: Digest
        """What it reads."""
        twist: Annotated[int, Range(0, 9)] = 0
        """Changes the scores."""

    def fit(self, train, run):
        table = pd.read_parquet(run.artifact(self.config.digest) / "digest.parquet")
        self.values = np.array([number(f"{self.config.twist} {n}") for n in table["number"]])


class Asker(Method):
    """Asks about the last item of every request."""

    name = "asker"
    version = "1"

    class Config(Method.Config):
        writer: LanguageModelOptions
        """Who is asked."""

    def language_model(self):
        return self.config.writer

    def fit(self, train, run):
        self.items = train.items
        self.writer = run.llm(self.config.writer)
        self.writer.complete([ask("Are you there, clerk? Please say so.", "greeting")])

    def prompts(self, train, queries, seed):
        histories = queries.histories
        last = histories.items[histories.offsets[1:] - 1]
        return [ask(f"What comes after item {item}, and why is it so?", "next", (str(item),)) for item in last]

    def score(self, queries):
        answers = self.writer.complete(self.prompts(None, queries, 0))
        columns = np.arange(len(self.items)) if queries.candidates is None else queries.candidates
        columns = np.broadcast_to(columns, (len(queries), columns.shape[-1]))
        rows = [[number(f"{a.text} {column}") for column in row] for a, row in zip(answers, columns, strict=True)]
        return np.array(rows, dtype=np.float32)


class Sneak(Ranker):
    """Asks for a stage that is none of its options."""

    name = "sneak"
    version = "1"

    class Config(Method.Config):
        model: str = "quill"
        """Whose notes it is after."""

    def fit(self, train, run):
        writer = Clerk.Config(provider="clerk", model=self.config.model, max_tokens=10)
        run.artifact(Notes(writer=writer))


@hookimpl
def register_methods():
    return [Skimmer, Reader, Asker, Sneak]


@hookimpl
def register_datasets():
    return [Lane]


@hookimpl
def register_language_models():
    return [Clerk, Volunteer]
