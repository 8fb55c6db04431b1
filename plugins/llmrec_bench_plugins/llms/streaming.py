"""From a coroutine that hands out results to an iterator over them."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

Item = TypeVar("Item")


def stream(produce: Callable[[Callable[[Item], None]], Coroutine[Any, Any, None]]) -> Iterator[Item]:
    """What `produce(hand_out)` hands out, each as soon as it is there, in that order; then what `produce` raised.

    `produce` runs on an event loop in a thread of its own, so the caller may be inside another loop. Closing the
    iterator cancels `produce` and waits for the thread to end.
    """
    arrived: SimpleQueue[tuple[Item] | None] = SimpleQueue()
    running: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = Future()
    outcome: Future[None] = Future()

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        running.set_result((asyncio.get_running_loop(), task))
        await produce(lambda item: arrived.put((item,)))

    def work() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            outcome.set_exception(error)
        else:
            outcome.set_result(None)
        arrived.put(None)

    # A daemon: an iterator that nobody closed must not keep the interpreter from ending.
    thread = Thread(target=work, name="stream", daemon=True)
    thread.start()
    try:
        while (item := arrived.get()) is not None:
            yield item[0]
        outcome.result()
    finally:
        if not outcome.done():
            loop, task = running.result()
            with suppress(RuntimeError):  # the loop ended in between
                loop.call_soon_threadsafe(task.cancel)
        thread.join()
