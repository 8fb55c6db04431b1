"""A study with a finished, a failed and a missing method and hostile texts everywhere, its page, and a real browser:
Chromium without a window, spoken to through two pipes."""

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from llmrec_bench import DataSource, Log, Method, Plan, Stage, Store, load_suite, make_plan
from llmrec_bench.artifacts import Artifacts, Manifest
from llmrec_bench.execute.run import progress_of, searches_of
from llmrec_bench.llm.meter import Spending
from llmrec_bench.metrics.accuracy import HR, NDCG
from llmrec_bench.plan import Trial
from llmrec_bench.plugins import Catalog
from llmrec_bench.report.html import Page, build_page, render_page
from llmrec_bench.store import DatasetPart, Failure, MethodPart, ProtocolPart, Record, Resources, StagePart

USERS, ITEMS = 12, 20
SCRIPT = "<script>document.title='planted'</script>"
HANDLER = 'x" onmouseover="alert(1)'
IMAGE = "<img src=x onerror=alert(2)>"
ESCAPE = "\x1b[31m"


class Market(DataSource):
    """Twelve users who each take six of twenty items, whose titles are hostile."""

    name = "market"
    simulated = True

    def read(self) -> Log:
        user, step = np.divmod(np.arange(USERS * 6), 6)
        items = [f"i{item:02}" for item in (3 * user + step * step) % ITEMS]
        titles = [f"{SCRIPT} {i}" if i % 3 == 0 else f"{HANDLER} {i}" if i % 3 == 1 else f"Plain {ESCAPE} {i}"
                  for i in range(ITEMS)]  # fmt: skip
        events = pd.DataFrame({"user": [f"u{u:02}" for u in user], "item": items})
        return Log(events, pd.DataFrame({"title": titles}, index=[f"i{i:02}" for i in range(ITEMS)]))


class Notes(Stage):
    """Writes about users."""

    name: ClassVar[str] = "notes"
    version: ClassVar[str] = "1"

    def build(self, train: Any, out: Path, run: Any) -> None: ...

    def texts_about_users(self, folder: Path) -> Mapping[int, str]:
        table = pd.read_parquet(folder / "notes.parquet")
        return dict(zip(table["user"], table["text"], strict=True))


class Answer(Method):
    """Never asked here."""

    name = "answer"
    version = "1"

    class Config(Method.Config):
        number: int = 1

    def fit(self, train: Any, run: Any) -> None: ...

    def score(self, queries: Any) -> Any: ...


class Reader(Answer):
    """Has a stage."""

    name = "reader"

    class Config(Method.Config):
        notes: Notes = Notes()


CATALOG = Catalog(
    methods={"answer": Answer, "reader": Reader}, datasets={"market": Market}, metrics={"HR": HR, "NDCG": NDCG}
)

SUITE = f"""
description: 'Hostile {SCRIPT.replace("'", '"')}'
datasets: {{'shop {IMAGE}': {{source: market}}}}
protocol: {{cutoffs: [5, 10]}}
methods:
  plain: {{method: answer}}
  '{SCRIPT.replace("'", "''")}': {{method: answer, config: {{number: 2}}}}
  '{HANDLER}': {{method: reader}}
  broken: {{method: answer, config: {{number: 3}}}}
  idle: {{method: answer, config: {{number: 4}}}}
  sized: {{method: answer, grid: {{number: [10, 20, 40]}}}}
seeds: [1, 2]
metrics: [HR, NDCG]
tables:
  main: {{title: 'Accuracy {IMAGE}', metrics: [NDCG@10, HR@10], baseline: plain}}
figures:
  active: {{kind: activity, metric: NDCG@10, groups: 3, title: '{IMAGE}'}}
  popular: {{kind: popularity, cutoff: 5, bins: 4}}
  gains: {{kind: differences, metric: NDCG@10, pairs: [['{HANDLER}', plain], ['{SCRIPT.replace("'", "''")}', plain]]}}
  cases: {{kind: cases, cutoff: 5, users: 3, methods: [plain, '{HANDLER}']}}
"""


@dataclass
class Study:
    """A plan and the results that stand for it."""

    plan: Plan
    store: Store

    def page(self) -> Page:
        """Made at a fixed time."""
        progress, searches = progress_of(self.plan, self.store), searches_of(self.plan, self.store)
        made_at = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
        return build_page(self.plan, progress, searches, self.store, made_at)


def keep(plan: Plan, store: Store, trial: Trial) -> None:
    """What the trial left: per-user values and lists by its id, or a failure."""
    label = trial.method.label
    spent = Spending(
        provider="clerk", model=f"quill {SCRIPT}", family=f"f {HANDLER}", charged="one-off", simulated=True,
        deployment="API", calls=3, prompt_tokens=30, completion_tokens=9, caution=f"careful {IMAGE}",
    )  # fmt: skip
    stage = StagePart(stage="notes", key="0" * 8, build_seconds=2, peak_memory_bytes=2**20, spending=[spent],
                      remarks=[f"remark {SCRIPT}"])  # fmt: skip
    data = plan.prepared[trial.dataset.label].dataset
    rng = np.random.default_rng([trial.seed, *map(ord, label)])
    values = {name: rng.random(USERS) for name in ("HR@5", "HR@10", "NDCG@5", "NDCG@10")}
    failed = label == "broken"
    record = Record(
        id=trial.id,
        suite="study",
        status="failed" if failed else "finished",
        dataset=DatasetPart(
            label=trial.dataset.label, source="market", options={}, preparation={}, fingerprint=trial.fingerprint,
            simulated=True, funnel=[], users=USERS, items=ITEMS, interactions=72, queries=None if failed else USERS,
        ),
        method=MethodPart(
            label=label, name="answer", version="1", plugin=f"p {IMAGE}", source=f"s {SCRIPT}",
            config={f"o {IMAGE}": f"v {SCRIPT}"},
        ),
        protocol=ProtocolPart(hash=trial.protocol_hash, description="", settings={}, candidates_hash="full"),
        seed=trial.seed,
        metrics={} if failed else {name: float(v.mean()) for name, v in values.items()},
        chance={} if failed else dict.fromkeys(values, 0.25),
        standard_errors={} if failed else {name: float(v.std(ddof=1) / USERS**0.5) for name, v in values.items()},
        resources=None if failed else Resources(
            load_seconds=0.5, fit_seconds=10.0 * trial.seed, score_seconds=1, rank_seconds=0.25, measure_seconds=0.125,
            peak_memory_bytes=3 * 2**20,
        ),
        provenance={"started_at": f"day {trial.seed}", "packages": {"numpy": "2.0"}, "device": "cpu",
                    **({"processor": f"other {IMAGE}"} if label == "plain" else {"processor": "usual"})},
        log=[*(f"line {number}" for number in range(1, 31)), f"reads {SCRIPT} {ESCAPE}", f"review {HANDLER}"],
        stages=[stage] if label == HANDLER else [],
        failure=Failure(phase="fit", kind="ValueError", message=f"no luck {SCRIPT}\nand more",
                        traceback=f"Traceback:\n  File {IMAGE}\n    x = 1") if failed else None,
    )  # fmt: skip
    if failed:
        store.write(record)
        return
    users = data.users.astype("str")
    items = np.concatenate([rng.permutation(data.n_items)[:10] for _ in range(USERS)])
    lists = pd.DataFrame(
        {"user": np.repeat(users, 10), "rank": np.tile(np.arange(1, 11), USERS),
         "item": data.items["token"].to_numpy()[items]}
    )  # fmt: skip
    store.write(record, pd.DataFrame({"user": users, "offered": 20, **values}), lists)


def write_notes(plan: Plan, store: Store) -> None:
    """What the stage `notes` wrote about every user."""
    planned = next(p for p in plan.stages if p.stage.name == "notes")
    artifacts = Artifacts(store.root / "artifacts")
    with artifacts.building(planned.stage, planned.key) as aside:
        assert aside is not None
        texts = pd.DataFrame({"user": range(USERS), "text": f"Rationale {SCRIPT} {HANDLER}"})
        texts.to_parquet(aside / "notes.parquet")
        manifest = Manifest(
            stage="notes", key=planned.key, identity={}, children={}, dataset="shop", training_fingerprint="",
            cut="training", interactions=0, build_seconds=1, peak_memory_bytes=None, spending=[], log=[], provenance={},
        )  # fmt: skip
        artifacts.finish(planned.stage, aside, manifest, pd.DataFrame())


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Every method at two seeds: `broken` failed, `idle` was not run, the others finished."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "study.yaml").write_text(SUITE)
    plan, store = make_plan(load_suite(folder / "study.yaml", CATALOG)), Store(folder / "results", "study")
    for trial in plan.trials:
        if trial.method.label != "idle":
            keep(plan, store, trial)
    write_notes(plan, store)
    return Study(plan, store)


@pytest.fixture(scope="session")
def page(study: Study) -> Page:
    """What the study's page shows."""
    return study.page()


@pytest.fixture(scope="session")
def html(page: Page) -> str:
    """The study's page."""
    return render_page(page)


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """One tab. What the page complains of is kept in `complaints`; what it tries to load, in `requests`."""

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()

        def pipes() -> None:  # the protocol's own numbers for its ends
            in_end, out_end = os.dup(to_read), os.dup(to_write)
            os.dup2(in_end, 3)
            os.dup2(out_end, 4)

        self._process = subprocess.Popen(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=pipes, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_read)
        os.close(to_write)
        self._number, self._buffer = 0, b""
        self._session: str | None = None
        self.complaints: list[str] = []
        self.requests: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """One command of the DevTools protocol and its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            found = self._next()
            if found.get("id") == self._number:
                assert "error" not in found, found["error"]
                return found["result"]

    def open(self, url: str, width: int, dark: bool = False, height: int = 900) -> None:
        """Load a page in a window of that size and wait for it."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[theme])
        self.call("Page.navigate", url="about:blank")
        self._wait_to_load("about:blank")
        self.requests.clear()
        self.call("Page.navigate", url=url)
        self._wait_to_load(url)

    def wait_for(self, expression: str) -> None:
        """Ask again until an expression holds; half a minute at most."""
        deadline = time.monotonic() + 30
        while not self.evaluate(expression):
            assert time.monotonic() < deadline, f"never: {expression}"
            time.sleep(0.02)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key: str, code: int, text: str = "") -> None:
        """A key, as from a keyboard."""
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **typed)

    def click(self, selector: str) -> None:
        """A press of the mouse in the middle of an element."""
        box = self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); "
            "e.scrollIntoView({block: 'center', inline: 'center'}); const b = e.getBoundingClientRect(); "
            "return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def close(self) -> None:
        """End the browser."""
        with contextlib.suppress(OSError):
            os.write(self._write, json.dumps({"id": 0, "method": "Browser.close"}).encode() + b"\0")
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def _wait_to_load(self, url: str) -> None:
        self.wait_for(f"document.readyState === 'complete' && location.href === {json.dumps(url)}")

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            more = os.read(self._read, 1 << 20)
            assert more, "the browser has ended"
            self._buffer += more
        message, self._buffer = self._buffer.split(b"\0", 1)
        found = json.loads(message)
        told = found.get("params", {})
        match found.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(told["request"]["url"])
            case "Log.entryAdded":
                self.complaints.append(told["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(told["exceptionDetails"]))
            case "Runtime.consoleAPICalled":
                self.complaints.append(json.dumps(told["args"]))
        return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Skips where there is no Chromium."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium, which is not installed")
    found = Browser(tmp_path_factory.mktemp("chromium"))
    yield found
    found.close()
