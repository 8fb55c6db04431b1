"""How near a ranker's requests come to the rate that the number in flight allows: 64 of them, answered in 50 ms, are
1280 a second.

    python benchmarks/ranking_rate.py [--queries 10000] [--milliseconds 50] [--in-flight 64]

`llm-ranker` runs as in any suite: its prompts, the `openai` provider, a fresh cassette, reading, ledger and metrics.
The server is a process of its own on this machine that gives every prompt the same ranking after a fixed time. Beside
it, in the same run, ask the openai package alone, with nothing but its answers' text read, and a bare client that
writes such requests to sockets: what the server bears. Each is a process of its own. The rate of the ranker is queries
by the seconds of its scoring; of the others, from the first request to the last answer.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

CANDIDATES = 20
EARLY = 0.2
"""Memory is compared between this share of the answers and the last one."""
LEAST_SHARE, MOST_GROWTH = 0.9, 1.1

SUITE = """
datasets:
  shop: {{source: synthetic-shop, options: {{users: {queries}, items: 1000}}}}
protocol: {{candidates: {{kind: sampled, n: {negatives}}}, cutoffs: [10]}}
seeds: [1]
metrics: [HR, NDCG]
methods:
  ranker:
    method: llm-ranker
    config:
      domain: products
      language_model: {{provider: openai, model: fixed, base_url: "{url}", max_tokens: 100, concurrency: {in_flight}}}
"""

ANSWER = {
    "id": "fixed",
    "object": "chat.completion",
    "created": 0,
    "model": "fixed",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": ", ".join(map(str, range(1, CANDIDATES + 1)))},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 300, "completion_tokens": 60, "total_tokens": 360},
}


class FixedAnswers(asyncio.Protocol):
    """One connection of the server; requests on it follow each other."""

    def __init__(self, seconds: float, answered: "Synchronized[int]") -> None:
        body = json.dumps(ANSWER).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self.reply, self.seconds, self.answered = head.encode() + body, seconds, answered
        self.received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self.received[:end]).lower()
        size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(self.received) < end + 4 + size:
            return
        self.received.clear()
        asyncio.get_running_loop().call_later(self.seconds, self.answer)

    def answer(self) -> None:
        self.answered.value += 1  # only this process writes it
        self.transport.write(self.reply)


def serve(seconds: float, answered: "Synchronized[int]", port: "Synchronized[int]") -> None:
    """Answer until killed; `port` becomes that of the server."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: FixedAnswers(seconds, answered), "127.0.0.1", 0, backlog=512)
        port.value = server.sockets[0].getsockname()[1]
        await server.serve_forever()

    asyncio.run(main())


def prompt_text() -> str:
    """As long as the ranker's."""
    return "Rank these titles by how likely I am to purchase them next. " * 25


@dataclass
class Measured:
    """What one client came to."""

    seconds: float
    cpu_seconds: float
    """Of the client's process in that time."""
    server_cpu_seconds: float = 0.0
    memory_ratio: float | None = None


def ask_bare(url: str, queries: int, in_flight: int) -> Measured:
    """The same requests as bytes over as many connections."""
    body = json.dumps({"model": "fixed", "messages": [{"role": "user", "content": prompt_text()}]}).encode()
    host, port = url.removeprefix("http://").removesuffix("/v1").split(":")
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(body)}\r\n\r\n"
    request = head.encode() + body

    async def work(waiting: Iterator[int]) -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for _ in waiting:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        writer.close()

    async def main() -> None:
        waiting = iter(range(queries))
        await asyncio.gather(*(work(waiting) for _ in range(in_flight)))

    return _timed(lambda: asyncio.run(main()))


def ask_openai(url: str, queries: int, in_flight: int) -> Measured:
    """The openai package alone, as its documentation shows it."""
    from openai import AsyncOpenAI

    async def main() -> None:
        waiting = iter(range(queries))
        async with AsyncOpenAI(api_key="none", base_url=url, max_retries=0) as client:

            async def work() -> None:
                for _ in waiting:
                    message = {"role": "user", "content": prompt_text()}
                    answer: Any = await client.chat.completions.create(model="fixed", messages=[message])  # type: ignore[list-item]
                    assert answer.choices[0].message.content

            await asyncio.gather(*(work() for _ in range(in_flight)))

    return _timed(lambda: asyncio.run(main()))


def ask_ranker(url: str, queries: int, in_flight: int, answered: "Synchronized[int]") -> Measured:
    """A suite of one method."""
    from llmrec_bench import Store, load_catalog, load_suite, make_plan, run_plan

    with tempfile.TemporaryDirectory() as name:
        suite = Path(name) / "rate.yaml"
        suite.write_text(SUITE.format(queries=queries, negatives=CANDIDATES - 1, url=url, in_flight=in_flight))
        catalog = load_catalog()
        plan = make_plan(load_suite(suite, catalog))
        answered.value = 0
        memory = threading.Thread(target=_watch_memory, args=(answered, queries, found := []), daemon=True)
        memory.start()
        began = resource.getrusage(resource.RUSAGE_SELF)
        [progress] = run_plan(plan, catalog, Store(Path(name) / "results", "rate"), workers=0)
        ended = resource.getrusage(resource.RUSAGE_SELF)
        memory.join()
        record = progress.record
        assert record is not None
        assert record.status == "finished", record.failure
        assert record.remarks[0].startswith(f"{queries:,} answers to {queries:,} queries: {queries:,} valid")
        [spending] = record.spending
        assert (spending.calls, spending.recorded_calls, spending.prompt_tokens) == (queries, 0, 300 * queries)
        cpu = ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime
        return Measured(record.resources.score_seconds, cpu, memory_ratio=found[1] / found[0])


def _watch_memory(answered: "Synchronized[int]", queries: int, found: list[int]) -> None:
    """Resident bytes of this process when the first share of the answers is there, and when all are."""
    import psutil

    process = psutil.Process()
    for target in (int(EARLY * queries), queries):
        while answered.value < target:
            time.sleep(0.01)
        found.append(process.memory_info().rss)


def _timed(act: Any) -> Measured:
    began, cpu = time.perf_counter(), time.process_time()
    act()
    return Measured(time.perf_counter() - began, time.process_time() - cpu)


def _in_child(results: Any, act: Any, arguments: tuple[Any, ...]) -> None:
    results.put(act(*arguments))


def measure(server: int, act: Any, *arguments: Any) -> Measured:
    """What `act` measured in a process of its own, and what the server's process spent on it meanwhile."""
    import psutil

    context = multiprocessing.get_context("spawn")
    results = context.SimpleQueue()
    child = context.Process(target=_in_child, args=(results, act, arguments))
    before = psutil.Process(server).cpu_times()
    child.start()
    measured: Measured = results.get()
    child.join()
    after = psutil.Process(server).cpu_times()
    return replace(measured, server_cpu_seconds=after.user + after.system - before.user - before.system)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--milliseconds", type=float, default=50)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", OPENAI_API_KEY="none")
    context = multiprocessing.get_context("spawn")
    answered, port = context.Value("q", 0, lock=True), context.Value("i", 0, lock=True)
    server = context.Process(target=serve, args=(options.milliseconds / 1000, answered, port), daemon=True)
    server.start()
    assert server.pid is not None
    while not port.value:
        time.sleep(0.01)
    load = (f"http://127.0.0.1:{port.value}/v1", options.queries, options.in_flight)
    ideal = 1000 * options.in_flight / options.milliseconds
    print(
        f"{options.queries:,} queries of {CANDIDATES} candidates, {options.in_flight} in flight, answered after "
        f"{options.milliseconds:g} ms: at most {ideal:,.0f} a second; median of {options.repeats}, "
        f"{os.cpu_count()} cores"
    )
    found: dict[str, list[Measured]] = {}
    for _ in range(options.repeats):  # in turn, so that other work on the machine meets all of them
        for name, act, more in (
            ("bare client", ask_bare, ()),
            ("openai package", ask_openai, ()),
            ("llm-ranker", ask_ranker, (answered,)),
        ):
            found.setdefault(name, []).append(measure(server.pid, act, *load, *more))
    server.kill()
    print(f"{'':<16}{'a second':>9}{'of ideal':>10}{'CPU ms a request':>18}{'of the server':>15}")
    for name, runs in found.items():
        rate = statistics.median(options.queries / run.seconds for run in runs)
        cpu = statistics.median(1000 * run.cpu_seconds / options.queries for run in runs)
        served = statistics.median(1000 * run.server_cpu_seconds / options.queries for run in runs)
        print(f"{name:<16}{rate:9,.0f}{rate / ideal:10.2f}{cpu:18.2f}{served:15.2f}")
    ours = [ideal * run.seconds / options.queries for run in found["llm-ranker"]]
    share, growth = 1 / statistics.median(ours), max(run.memory_ratio or 0 for run in found["llm-ranker"])
    print(
        f"share of the ideal rate   {share:.2f}   least {LEAST_SHARE}: {'holds' if share >= LEAST_SHARE else 'MISSED'}"
    )
    early, verdict = int(EARLY * options.queries), "holds" if growth <= MOST_GROWTH else "MISSED"
    compared = f"memory after {options.queries:,} answers to that after {early:,}"
    print(f"{compared}   {growth:.3f}   most {MOST_GROWTH}: {verdict}")


if __name__ == "__main__":
    main()
