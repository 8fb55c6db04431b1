"""One request for each prompt, several at a time."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from llmrec_bench import Completion
from llmrec_bench_plugins.llms.chat_answers import read_answer
from llmrec_bench_plugins.llms.openai_endpoint import Endpoint
from llmrec_bench_plugins.llms.openai_errors import RequestFailed
from llmrec_bench_plugins.llms.rate_limit import RateLimit
from llmrec_bench_plugins.llms.retries import Retries, Stopped

if TYPE_CHECKING:
    from openai import AsyncOpenAI

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

    async def answer(
        self, bodies: Sequence[dict[str, Any]], hand_out: Callable[[tuple[int, Completion]], None]
    ) -> None:
        """Hand out (index, completion) of every request body.

        Raises `BenchError` where no request can succeed; what is under way then is waited for, as it may be paid.
        """
        waiting = enumerate(bodies)
        async with self._endpoint.client(self._timeout_seconds) as client:

            async def work() -> None:
                for index, body in waiting:  # one for all workers
                    try:
                        completion = await self._completion(client, body)
                    except RequestFailed as failure:
                        completion = Completion("", "failed", error=str(failure))
                    except Stopped:
                        return
                    except Exception:
                        self._retries.stop()
                        raise
                    hand_out((index, completion))

            workers = [work() for _ in range(min(self._concurrency, len(bodies)))]
            for outcome in await asyncio.gather(*workers, return_exceptions=True):
                if outcome is not None:
                    raise outcome

    async def _completion(self, client: "AsyncOpenAI", body: dict[str, Any]) -> Completion:
        from openai import HttpxBinaryResponseContent

        async def attempt() -> Completion:
            place = self._limit.reserve(_tokens(body))
            await self._retries.pause(place.wait_seconds)
            began = time.monotonic()
            # The client's own time-out starts anew with every byte that arrives.
            async with asyncio.timeout(self._timeout_seconds):
                # Not `chat.completions`, which looks through every body for what it might have to convert.
                answer = await client.post("/chat/completions", cast_to=HttpxBinaryResponseContent, body=body)
            seconds = time.monotonic() - began
            completion = read_answer(answer.content, self._endpoint, seconds)
            usage = completion.usage
            if usage.prompt_tokens is not None and usage.completion_tokens is not None:
                place.tokens = usage.prompt_tokens + usage.completion_tokens
            return completion

        return await self._retries.until_answered(attempt, not_found=f"has no model '{body['model']}'")


def _tokens(body: dict[str, Any]) -> int:
    size = sum(len(message["content"].encode()) for message in body["messages"])
    longest_answer = body.get("max_tokens") or body.get("max_completion_tokens") or 0
    return -(-size // BYTES_PER_TOKEN) + longest_answer
