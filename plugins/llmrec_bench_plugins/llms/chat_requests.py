"""One request for each prompt, several at a time."""

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmrec_bench import Completion
from llmrec_bench_plugins.llms.chat_answers import read_answer
from llmrec_bench_plugins.llms.openai_endpoint import Endpoint
from llmrec_bench_plugins.llms.openai_errors import RequestFailed, StatusError
from llmrec_bench_plugins.llms.rate_limit import RateLimit
from llmrec_bench_plugins.llms.retries import Retries, Stopped

if TYPE_CHECKING:
    from aiohttp import ClientSession

BYTES_PER_TOKEN = 4
"""Of running text, about; an estimate that stands until the server has counted."""


class ChatRequests:
    """Asks a chat interface, never more than `concurrency` requests at once."""

    def __init__(
        self, endpoint: Endpoint, retries: Retries, limit: RateLimit, concurrency: int, timeout_seconds: float
    ) -> None:
        self._endpoint = endpoint
        self._retries = retries
        self._limit = limit
        self._concurrency = concurrency
        self._timeout_seconds = timeout_seconds
        self._url = f"{endpoint.base_url}/chat/completions"

    async def answer(
        self, bodies: Iterable[dict[str, Any]], hand_out: Callable[[tuple[int, Completion]], None]
    ) -> None:
        """Hand out (index, completion) of every request body.

        Raises `BenchError` where no request can succeed; what is under way then is waited for, as it may be paid.
        """
        # As many again as may be under way: made ahead, so that a request goes out as soon as an answer leaves room.
        made: asyncio.Queue[tuple[int, _Request] | None] = asyncio.Queue(self._concurrency)
        faults: list[Exception] = []

        async def make() -> None:
            try:
                for index, body in enumerate(bodies):
                    await made.put((index, _Request.of(body)))
                    if self._retries.stopped:
                        break
                    # One in a round of the loop. Several would hold up requests that are ready, whose answers then
                    # arrive all at once, hold up the next ones, and so on.
                    await asyncio.sleep(0)
            except Exception as fault:
                faults.append(fault)
            for _ in range(self._concurrency):
                await made.put(None)

        async with self._endpoint.session(self._timeout_seconds) as session:

            async def work() -> None:
                while (numbered := await made.get()) is not None:
                    index, request = numbered
                    try:
                        completion = await self._completion(session, request)
                    except RequestFailed as failure:
                        completion = Completion("", "failed", error=str(failure))
                    except Stopped:
                        continue
                    except Exception as fault:
                        self._retries.stop()
                        faults.append(fault)
                        continue
                    hand_out((index, completion))

            await asyncio.gather(make(), *(work() for _ in range(self._concurrency)))
        if faults:
            raise faults[0]

    async def _completion(self, session: "ClientSession", request: "_Request") -> Completion:
        from aiohttp import ClientError

        async def attempt() -> Completion:
            place = self._limit.reserve(request.tokens)
            await self._retries.pause(place.wait_seconds)
            began = time.monotonic()
            async with session.post(self._url, data=request.data) as response:
                content = await response.read()
            seconds = time.monotonic() - began
            if not response.ok:
                raise StatusError(response, content)
            completion = read_answer(content, self._endpoint, seconds)
            usage = completion.usage
            if usage.prompt_tokens is not None and usage.completion_tokens is not None:
                place.tokens = usage.prompt_tokens + usage.completion_tokens
            return completion

        failures = (StatusError, ClientError, TimeoutError)
        return await self._retries.until_answered(attempt, failures, not_found=f"has no model '{request.model}'")


@dataclass(frozen=True)
class _Request:
    """A body, ready to be sent."""

    data: bytes
    tokens: int
    """As many as it counts for before the server has counted, the answer's among them."""
    model: str

    @classmethod
    def of(cls, body: dict[str, Any]) -> "_Request":
        size = sum(len(message["content"].encode()) for message in body["messages"])
        longest_answer = body.get("max_tokens") or body.get("max_completion_tokens") or 0
        return cls(json.dumps(body).encode(), -(-size // BYTES_PER_TOKEN) + longest_answer, body["model"])
