"""Requests and tokens per minute."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

MINUTE_SECONDS = 60.0


@dataclass
class Reservation:
    """A place for one request."""

    start: float
    """When it may be sent, in seconds on the limit's clock."""
    wait_seconds: float
    """From the reservation until then."""
    tokens: int
    """How many it counts for; set it to what the request took once that is known."""


class RateLimit:
    """Keeps any 60 seconds below a number of requests and a number of tokens; None is no limit.

    A request larger than the token limit has its minute for itself.
    """

    def __init__(
        self,
        requests_per_minute: int | None,
        tokens_per_minute: int | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._requests = requests_per_minute
        self._tokens = tokens_per_minute
        self._clock = clock
        self._minute: deque[Reservation] = deque()  # in the order of their starts

    def reserve(self, tokens: int) -> Reservation:
        """The first place that is free, never before one given out earlier."""
        now = self._clock()
        if self._requests is None and self._tokens is None:
            return Reservation(now, 0.0, tokens)
        start = max(now, self._minute[-1].start) if self._minute else now
        while self._minute:
            over = self._minute[0].start + MINUTE_SECONDS
            if over > start and self._has_room(tokens):
                break
            start = max(start, over)
            self._minute.popleft()
        place = Reservation(start, start - now, tokens)
        self._minute.append(place)
        return place

    def _has_room(self, tokens: int) -> bool:
        if self._requests is not None and len(self._minute) >= self._requests:
            return False
        return self._tokens is None or sum(place.tokens for place in self._minute) + tokens <= self._tokens
