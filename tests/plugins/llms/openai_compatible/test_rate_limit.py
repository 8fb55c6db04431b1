"""Places in the minute, on a clock that the test moves."""

from llmrec_bench_plugins.llms.rate_limit import RateLimit


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_without_limits_nobody_waits() -> None:
    limit = RateLimit(None, None, Clock())
    assert [limit.reserve(10**9).wait_seconds for _ in range(3)] == [0, 0, 0]


def test_the_next_request_waits_until_the_minute_is_over() -> None:
    clock = Clock()
    limit = RateLimit(2, None, clock)
    assert limit.reserve(1).start == 100
    clock.now = 110
    assert limit.reserve(1).start == 110
    third = limit.reserve(1)
    assert (third.start, third.wait_seconds) == (160, 50)  # 60 s after the first
    assert limit.reserve(1).start == 170  # 60 s after the second
    clock.now = 200
    assert limit.reserve(1).start == 220  # 160 and 170 are in the minute before 200
    clock.now = 500
    assert limit.reserve(1).start == 500


def test_tokens_wait_for_room() -> None:
    clock = Clock()
    limit = RateLimit(None, 100, clock)
    assert limit.reserve(60).start == 100
    clock.now = 105
    assert limit.reserve(40).start == 105
    assert limit.reserve(50).start == 160  # 40 + 50 once the first 60 are out
    assert limit.reserve(60).start == 220  # 40 go at 165, which leaves room for 50; the 50 go at 220


def test_a_request_above_the_limit_has_its_minute_for_itself() -> None:
    limit = RateLimit(None, 100, Clock())
    assert [limit.reserve(tokens).start for tokens in (10, 500, 10)] == [100, 160, 220]


def test_tokens_may_be_corrected() -> None:
    limit = RateLimit(None, 100, Clock())
    first = limit.reserve(100)
    first.tokens = 30
    assert limit.reserve(70).start == 100
    assert limit.reserve(1).start == 160
