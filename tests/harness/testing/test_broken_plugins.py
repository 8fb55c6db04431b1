"""Each check catches a plugin that breaks what it is for, and says so in one line."""

import functools
import inspect
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from llmrec_bench import load_catalog
from llmrec_bench.testing.check import Check, run_check
from llmrec_bench.testing.offers import checks_for, subject_of

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # the plugins are imported by other processes too

import broken_by_framework  # noqa: E402
import broken_by_network  # noqa: E402
import broken_datasets  # noqa: E402
import broken_language_models  # noqa: E402
import broken_methods  # noqa: E402
import broken_metrics  # noqa: E402
import broken_stages  # noqa: E402
import broken_text_metrics  # noqa: E402

MODULES = [
    broken_methods, broken_by_network, broken_by_framework, broken_stages, broken_language_models, broken_datasets,
    broken_metrics, broken_text_metrics,
]  # fmt: skip
PLUGINS = [
    plugin
    for module in MODULES
    for plugin in vars(module).values()
    if inspect.isclass(plugin) and plugin.__module__ == module.__name__ and hasattr(plugin, "breaks")
]
BROKEN = [plugin for plugin in PLUGINS if plugin.breaks]

SAID = {
    "Undocumented": "no sentence under width",
    "Unserial": "chosen comes back from JSON as [1]",
    "Lax": "takes 'no_such_option', so that a misspelt option would do nothing",
    "Doubled": "score() of candidates returned float64; should be float32",
    "Listed": "score() of candidates returned a list; should be a numpy array of float32",
    "Flat": "score() of candidates returned shape (1, 12); should be (38, 12)",
    "Infinite": "score() of candidates returned an infinity; NaN says that there is no score",
    "Presumptuous": "an empty history: score() raised IndexError: index -1 is out of bounds for axis 0 with size 0",
    "Tidy": "changes train.sequences.items",
    "Scribbler": "changes train.items",
    "Seeder": "draws from, or seeds, the global state of numpy.random",
    "Spy": "other test targets, and the scores are others too",
    "Speechless": "the trial failed: score: RuntimeError: nothing to say",
    "Curious": "importing broken_by_network asks the network for 127.0.0.1",
    "Heavy": "importing broken_by_framework loads torch",
    "Empty": "built no file",
    "Silent": "depends on the users' interactions, and tells run.saw of none",
    "Skipping": "asked for answers [0, 1, 2], got [0, 2]",
    "Tongueless": "answer 0 failed: without a reason",
    "Uncounted": "answer 0 has None for prompt_tokens; should be a whole number",
    "Untimed": "answer 0 has None for seconds",
    "Misnamed": "has provider 'sound-model', and its name is 'other-model'",
    "Dateless": "times are str; should be int64 seconds",
    "Wordy": "events have a column 'stars', which nothing reads; known: item, rating, review, time, user",
    "Lonely": "1 users and 5 items; there is nothing to compare",
    "Nameless": "reference is empty; say where the data come from and under which licence",
    "Unlicensed": "reference says nothing of a licence or terms (given 'Found on a disk.')",
    "Upward": "direction is 'up'; should be higher, lower or neither",
    "Percent": "4.16667 at 1 is outside the bounds 0 to 1",
    "Single": "per_query returned float32 (24,); should be float64 (24,)",
    "Breathless": "method 'sound': explain() returned 37 texts for 38 pairs; expected one a pair, in their order",
    "Fickle": "from a second fit: '2 reasons' instead of '1 reasons'",
    "Letters": "98.625 is outside the bounds 0 to 1",
    "Flags": "per_pair returned bool (24,); should be float64 (24,)",
    "Sharer": "ZeroDivisionError: division by zero",
    "Divider": "ZeroDivisionError: float division by zero",
}
"""Where a fault has no numbers of its own, all that is said."""

catalog = functools.cache(load_catalog)


def check_of(plugin: type) -> Check:
    return next(check for check in checks_for(plugin) if check.name == plugin.breaks)


@pytest.fixture(autouse=True)
def _aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the broken plugins leaves a file where it runs."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("plugin", BROKEN, ids=lambda plugin: plugin.__name__)
def test_a_broken_plugin_is_caught_in_one_line(plugin: type, tmp_path: Path) -> None:
    finding = run_check(check_of(plugin), subject_of(plugin, {}, catalog(), tmp_path), {})
    assert finding.status == "failed", plugin.__doc__
    assert "\n" not in finding.reason
    assert finding.reason.startswith(SAID.get(plugin.__name__, ""))


@pytest.mark.parametrize("plugin", BROKEN, ids=lambda plugin: plugin.__name__)
def test_it_is_an_expected_failure_where_the_author_says_why(plugin: type, tmp_path: Path) -> None:
    if plugin.breaks in ("import-without-framework", "label-firewall"):
        pytest.skip("seconds for nothing new")
    finding = run_check(check_of(plugin), subject_of(plugin, {}, catalog(), tmp_path), {plugin.breaks: "so it is"})
    assert str(finding) == f"{plugin.breaks}: expected failure: so it is"


@pytest.mark.parametrize("plugin", [plugin for plugin in PLUGINS if not plugin.breaks], ids=lambda p: p.__name__)
def test_the_sound_ones_break_nothing(plugin: type, tmp_path: Path) -> None:
    subject = subject_of(plugin, {}, catalog(), tmp_path)
    nobodys = (broken_methods.Sound, broken_methods.SoundTeller)
    unkept = {"version-raised"} if plugin in nobodys else set()  # it is nobody's distribution
    faults = {check.name: check.fault(subject) for check in checks_for(plugin) if check.name not in unkept}
    assert {name: fault for name, fault in faults.items() if fault is not None} == {}


def test_every_check_has_a_plugin_that_breaks_it() -> None:
    caught = {check_of(plugin).fault for plugin in BROKEN}
    every = {check.fault for plugin in PLUGINS for check in checks_for(plugin)}
    assert {fault.__qualname__ for fault in every - caught} == set()


def test_a_provider_is_asked_once_by_itself_and_once_to_be_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    answer = broken_language_models.SoundModel.answer

    def noted(self: Any, prompts: Sequence[Any]) -> Iterator[Any]:
        asked.append(len(prompts))
        return answer(self, prompts)

    monkeypatch.setattr(broken_language_models.SoundModel, "answer", noted)
    subject = subject_of(broken_language_models.SoundModel, {}, catalog(), tmp_path)
    assert all(run_check(check, subject, {}).status == "passed" for check in checks_for(subject.kind))
    assert asked == [3, 3]


def test_a_source_is_read_once_for_each_thing_that_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = broken_datasets.SoundSource.read
    readings: list[None] = []

    def noted(self: Any) -> Any:
        readings.append(None)
        return read(self)

    monkeypatch.setattr(broken_datasets.SoundSource, "read", noted)
    subject = subject_of(broken_datasets.SoundSource, {}, catalog(), tmp_path)
    assert all(run_check(check, subject, {}).status == "passed" for check in checks_for(broken_datasets.SoundSource))
    assert len(readings) == 3  # the events as they are, and the data set twice
