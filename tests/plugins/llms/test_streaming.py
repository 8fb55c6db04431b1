"""Items of a coroutine, one by one, wherever they are taken."""

import asyncio
import time
from collections.abc import Callable

import pytest

from llmrec_bench_plugins.llms.streaming import stream


async def counting(hand_out: Callable[[int], None]) -> None:
    for i in range(4):
        hand_out(i)
        await asyncio.sleep(0 if i % 2 else 0.01)
    raise ValueError("no more")


def taken() -> list[int | str]:
    """What came, and the error behind it."""
    found: list[int | str] = []
    try:
        found.extend(stream(counting))
    except ValueError as error:
        found.append(str(error))
    return found


def test_items_come_in_order_and_then_the_error() -> None:
    assert taken() == [0, 1, 2, 3, "no more"]


def test_inside_another_loop_too() -> None:
    async def inside() -> list[int | str]:
        return taken()

    assert asyncio.run(inside()) == [0, 1, 2, 3, "no more"]


def test_the_taker_may_run_a_loop_of_its_own_in_between() -> None:
    async def number(i: int) -> int:
        return i

    async def three(hand_out: Callable[[int], None]) -> None:
        for i in range(3):
            hand_out(i)
            await asyncio.sleep(0)

    assert [asyncio.run(number(i)) for i in stream(three)] == [0, 1, 2]


@pytest.mark.parametrize("is_inside", [False, True])
def test_closing_early_ends_the_coroutine(is_inside: bool) -> None:
    ended = []

    async def endless(hand_out: Callable[[int], None]) -> None:
        try:
            hand_out(0)
            await asyncio.sleep(3600)
        finally:
            ended.append(True)

    def first() -> None:
        items = stream(endless)
        assert next(items) == 0
        items.close()  # type: ignore[attr-defined]

    async def inside() -> None:
        first()

    began = time.monotonic()
    if is_inside:
        asyncio.run(inside())
    else:
        first()
    assert ended == [True]
    assert time.monotonic() - began < 60


def test_nothing_handed_out_is_nothing() -> None:
    async def silent(hand_out: Callable[[int], None]) -> None: ...

    assert list(stream(silent)) == []
