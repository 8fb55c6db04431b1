"""From a coroutine that hands out results to an iterator over them."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

Item = TypeVar("Item")
Produce = Callable[[Callable[[Item], None]], Coroutine[Any, Any, None]]


def stream(produce: Produce[Item]) -> Iterator[Item]:
    """What `produce(hand_out)` hands out, each as soon as it is there, in that order; then what `produce` raised.

    `produce` goes on only while the next item is waited for: two threads that work at once in one interpreter spend
    more on taking turns than on requests. Closing the iterator cancels `produce` and waits for it to end.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        yield from _steps(produce)
    else:
        yield from _steps_elsewhere(produce)


def _steps(produce: Produce[Item]) -> Generator[Item, None, None]:
    arrived: deque[Item] = deque()
    is_wanted = True

    def hand_out(item: Item) -> None:
        arrived.append(item)
        wake()

    def wake(_: object = None) -> None:
        if is_wanted:  # else the loop is to run until all has ended
            loop.stop()  # at the end of its round, in which others may arrive

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        loop = runner.get_loop()
        task = loop.create_task(produce(hand_out))
        task.add_done_callback(wake)
        try:
            while arrived or not task.done():
                if arrived:  # a round for what is ready, so that it waits for one taken item at most
                    loop.call_soon(loop.stop)
                loop.run_forever()
                if arrived:
                    yield arrived.popleft()
            task.result()
        finally:
            is_wanted = False


def _steps_elsewhere(produce: Produce[Item]) -> Iterator[Item]:
    """In another thread, as the loop that runs in this one bears no second."""
    steps = _steps(produce)
    with ThreadPoolExecutor(1, thread_name_prefix="stream") as thread:
        try:
            while item := thread.submit(lambda: [*islice(steps, 1)]).result():
                yield item[0]
        finally:
            thread.submit(steps.close).result()
