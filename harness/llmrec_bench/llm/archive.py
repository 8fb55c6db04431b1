"""Cassettes as things to hand on: what they hold, one file for a reviewer, and back again."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from llmrec_bench.errors import BenchError
from llmrec_bench.llm.cassette import Cassette, Entry


@dataclass(frozen=True)
class Holding:
    """The recorded answers of one model to one family of prompts."""

    provider: str
    model: str
    family: str
    answers: int
    prompt_tokens: int | None
    """Of the answers that tell; None where none does."""
    completion_tokens: int | None
    answers_without_usage: int
    without_prompts: int
    """Answers whose prompts are not kept with them."""
    first: str
    """When the earliest was recorded, empty where unknown."""
    last: str


def holdings(entries: Iterable[Entry]) -> list[Holding]:
    """What entries there are, by provider, model and prompt family."""
    groups: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in entries:
        key = (str(entry.identity.get("provider")), str(entry.identity.get("model")), entry.family)
        groups.setdefault(key, []).append(entry)
    return [_holding(key, group) for key, group in sorted(groups.items())]


def _holding(key: tuple[str, str, str], group: list[Entry]) -> Holding:
    usages = [entry.completion.usage for entry in group]
    prompt = [u.prompt_tokens for u in usages if u.prompt_tokens is not None]
    completion = [u.completion_tokens for u in usages if u.completion_tokens is not None]
    return Holding(
        *key,
        answers=len(group),
        prompt_tokens=sum(prompt) if prompt else None,
        completion_tokens=sum(completion) if completion else None,
        answers_without_usage=sum(u.prompt_tokens is None or u.completion_tokens is None for u in usages),
        without_prompts=sum(entry.request is None for entry in group),
        first=min((entry.recorded for entry in group if entry.recorded), default=""),
        last=max((entry.recorded for entry in group), default=""),
    )


def export(cassette: Cassette, file: Path, with_prompts: bool) -> int:
    """Write every answer into one file, by key; returns how many. Without their prompts, answers can be replayed and
    not read by what they were asked, which a licence of the data may demand.

    Raises `BenchError` where the file exists or cannot be written, and for a corrupt entry.
    """
    count, aside = 0, file.with_name(f".aside-{file.name}")
    if file.exists():
        raise BenchError(f"{file}: exists already; choose another name")
    try:
        with aside.open("wb") as out:
            for entry in cassette.entries():
                out.write((entry if with_prompts else replace(entry, request=None)).line())
                count += 1
        aside.replace(file)
    except OSError as error:
        raise BenchError(f"{file}: cannot be written ({error.strerror})") from None
    finally:
        with suppress(OSError):
            aside.unlink()
    return count


def import_file(cassette: Cassette, file: Path) -> tuple[int, int]:
    """Add the answers of a file; returns how many were new and how many were there already, which stay as they are.

    Every entry is checked before the first is written. Raises `BenchError` naming a corrupt one, and for a file that
    was cut off.
    """
    theirs = Cassette(None, [file])
    for fault in theirs.faults():
        raise BenchError(fault)
    if any(theirs.unfinished()):
        raise BenchError(f"{file}: its last entry is cut off; get the whole file")
    cassette.refresh()
    new = known = 0
    for entry in theirs.entries():
        if cassette.find(entry.key) is None:
            cassette.write(entry)
            new += 1
        else:
            known += 1
    return new, known
