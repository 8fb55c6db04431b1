"""All prompts handed in at once, to be answered within a day, for less: OpenAI's batch endpoint."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from llmrec_bench import BenchError, Completion, Prompt
from llmrec_bench_plugins.llms.batch_endpoint import CHAT, BatchEndpoint
from llmrec_bench_plugins.llms.batch_notes import BatchNote, BatchNotes
from llmrec_bench_plugins.llms.openai_endpoint import Endpoint
from llmrec_bench_plugins.llms.openai_errors import RequestFailed
from llmrec_bench_plugins.llms.retries import Retries
from llmrec_bench_plugins.llms.streaming import stream

MOST_REQUESTS, MOST_BYTES = 50_000, 190_000_000
"""In one batch; OpenAI takes 50,000 requests and 200 MB."""

HandOut = Callable[[tuple[str, Completion] | BatchNote], None]


class Batches:
    """Hands in what is not under way already, waits, and collects."""

    def __init__(
        self, endpoint: Endpoint, retries: Retries, folder: Path, poll_seconds: float, timeout_seconds: float
    ) -> None:
        self._endpoint = endpoint
        self._retries = retries
        self._notes = BatchNotes(folder)
        self._poll_seconds = poll_seconds
        self._timeout_seconds = timeout_seconds

    def answer(self, prompts: Sequence[Prompt], bodies: Sequence[dict[str, Any]]) -> Iterator[tuple[int, Completion]]:
        """(index, completion) of every prompt, a batch's at a time; prompts that are alike are asked once.

        A batch's note is deleted when the last of its completions has been taken; until then, whoever asks for any of
        its requests gets its answers. Raises `BenchError` where no request can succeed.
        """
        indices: dict[str, list[int]] = {}
        lines: dict[str, bytes] = {}
        for i, (prompt, body) in enumerate(zip(prompts, bodies, strict=True)):
            key = _request_key(self._endpoint.base_url, prompt, body)
            indices.setdefault(key, []).append(i)
            lines[key] = json.dumps({"custom_id": key, "method": "POST", "url": CHAT, "body": body}).encode() + b"\n"

        for arrived in stream(partial(self._collect_all, lines)):
            if isinstance(arrived, BatchNote):
                self._notes.delete(arrived)
            else:
                key, completion = arrived
                yield from ((i, completion) for i in indices[key])

    async def _collect_all(self, lines: Mapping[str, bytes], hand_out: HandOut) -> None:
        """Hand out every request's completion, and a batch's note when it has served."""
        new = dict(lines)
        async with self._endpoint.client(self._timeout_seconds) as client:
            provider = BatchEndpoint(client, self._endpoint, self._retries)
            try:
                async with asyncio.TaskGroup() as group:
                    for note in self._notes.holding(lines):
                        keys = [key for key in note.requests if new.pop(key, None) is not None]
                        if keys:
                            group.create_task(self._collect(provider, keys, lines, note, hand_out))
                    for keys in _parts(new):
                        group.create_task(self._collect(provider, keys, lines, None, hand_out))
            except BaseExceptionGroup as errors:
                raise errors.exceptions[0] from None

    async def _collect(
        self,
        provider: BatchEndpoint,
        keys: Sequence[str],
        lines: Mapping[str, bytes],
        note: BatchNote | None,
        hand_out: HandOut,
    ) -> None:
        """Hand out the completions of one batch's requests, which is handed in first if there is no note of it."""
        try:
            note, batch_id = await self._handed_in(provider, keys, lines, note)
            unknown = f"does not know batch {batch_id}; to ask again, delete {self._notes.path(note)}"
            while not (batch := await provider.look(batch_id, unknown)).ended:
                await self._retries.pause(self._poll_seconds)
            completions = await provider.completions(batch, unknown)
        except RequestFailed as failure:
            # The batch may go on, so its note stays.
            for key in keys:
                hand_out((key, Completion("", "failed", error=str(failure))))
            return
        if batch.status == "failed":
            self._notes.delete(note)
            reason = self._endpoint.excerpt(batch.reason)
            raise BenchError(f"openai: {self._endpoint.host} refuses batch {batch_id}: {reason}")
        lost = Completion("", "failed", error=f"batch {batch_id} ended as '{batch.status}' without this answer")
        for key in keys:
            hand_out((key, completions.get(key, lost)))
        hand_out(note)

    async def _handed_in(
        self, provider: BatchEndpoint, keys: Sequence[str], lines: Mapping[str, bytes], note: BatchNote | None
    ) -> tuple[BatchNote, str]:
        """The note and the provider's name of a batch that is under way."""
        resumed = note is not None
        if note is None:
            file_id = await provider.upload(b"".join(lines[key] for key in keys))
            note = BatchNote(requests=list(keys), file_id=file_id)
            self._notes.write(note)
        if note.batch_id is not None:
            return note, note.batch_id
        batch_id = await provider.create(note.file_id, perhaps_there=resumed)
        note = note.model_copy(update={"batch_id": batch_id})
        self._notes.write(note)
        return note, batch_id


def _request_key(base_url: str, prompt: Prompt, body: Mapping[str, Any]) -> str:
    """Of everything that makes two requests one."""
    whole = [base_url, body, prompt.plain()]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:32]


def _parts(lines: Mapping[str, bytes]) -> Iterator[list[str]]:
    """Keys of lines that fit into one batch."""
    part: list[str] = []
    size = 0
    for key, line in lines.items():
        if part and (len(part) == MOST_REQUESTS or size + len(line) > MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(key)
        size += len(line)
    if part:
        yield part
