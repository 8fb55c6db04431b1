"""Asking again."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from llmrec_bench import BenchError
from llmrec_bench_plugins.llms.openai_endpoint import Endpoint
from llmrec_bench_plugins.llms.openai_errors import (
    Failure,
    RequestFailed,
    cause_of,
    hopeless,
    may_pass,
    told,
    unreachable,
    wait_asked_seconds,
)

Answer = TypeVar("Answer")

FIRST_WAIT_SECONDS, LAST_WAIT_SECONDS = 0.5, 60.0


class Stopped(Exception):
    """Waiting is over: no request can succeed."""


class Retries:
    """Tries a request again where that may help. In between it waits as long as the server asks, else twice as long
    each time, give or take a quarter."""

    def __init__(self, endpoint: Endpoint, retries: int, longest_wait_seconds: float) -> None:
        self._endpoint = endpoint
        self._retries = retries
        self._longest_wait_seconds = longest_wait_seconds
        self._stopped = asyncio.Event()

    async def until_answered(
        self, attempt: Callable[[], Awaitable[Answer]], failures: tuple[type[Exception], ...], not_found: str
    ) -> Answer:
        """What an attempt returned. `failures` are what a try may end with, and `not_found` is what a 404 means.

        Raises `RequestFailed` where this request gets no answer, `BenchError` where none would, and `Stopped`.
        """
        began, tries = time.monotonic(), 0
        while True:
            try:
                return await attempt()
            except failures as error:
                failure: Failure = error  # type: ignore[assignment]
            tries += 1
            fatal = hopeless(failure, self._endpoint, not_found)
            if fatal is not None:
                raise BenchError(f"openai: {fatal}")
            wait_seconds = self._wait_seconds(failure, tries)
            if wait_seconds is None:
                raise self._given_up(failure, tries, time.monotonic() - began)
            await self.pause(wait_seconds)

    async def pause(self, seconds: float) -> None:
        """Sleep; raises `Stopped` as soon as `stop` is called."""
        if seconds == 0 and not self._stopped.is_set():
            return
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            return
        raise Stopped

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """End all pauses, now and later."""
        self._stopped.set()

    def _wait_seconds(self, failure: Failure, tries: int) -> float | None:
        if tries > self._retries or not may_pass(failure):
            return None
        response = getattr(failure, "response", None)
        asked = None if response is None else wait_asked_seconds(response.headers)
        if asked is None:
            return min(LAST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (tries - 1)) * random.uniform(0.75, 1.25)
        return asked if asked <= self._longest_wait_seconds else None

    def _given_up(self, failure: Failure, tries: int, seconds: float) -> Exception:
        tried = "tried once" if tries == 1 else f"tried {tries} times"
        if unreachable(failure):
            cause = self._endpoint.excerpt(cause_of(failure)) or "no connection in time"
            return BenchError(f"openai: cannot reach {self._endpoint.host}: {tried} in {seconds:.1f} s ({cause})")
        return RequestFailed(f"{told(failure, self._endpoint)}, {tried}")
