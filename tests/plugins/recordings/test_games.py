"""Every prompt that the suite on Amazon Video Games 2018 makes finds its recorded answer."""

import os
from pathlib import Path
from types import ModuleType

import pytest

from llmrec_bench import Prompt, TrainingData
from llmrec_bench.data.splits import split
from llmrec_bench.llm.cassette import Cassette, request_key
from llmrec_bench.plugins import load_catalog
from llmrec_bench.stage import stages_of
from llmrec_bench.suite import load_suite
from llmrec_bench_plugins.llms.recorded import Recorded
from llmrec_bench_plugins.stages.rationale_steps import parse_steps
from llmrec_bench_plugins.stages.teacher_rationales import TeacherRationales

SUITE = Path(__file__).parents[3] / "suites" / "paper.yaml"
SHIPPED = Recorded.recordings[0].parent
USERS, ANSWERS = 3_000, 2_989
"""Eleven users have the same history as another one, and so ask the same."""


@pytest.fixture(scope="module")
def data() -> Path:
    root = Path(os.environ.get("LLMREC_BENCH_DATA", SUITE.parents[2] / "shared" / "data"))
    folder = root / "amazon-games-2018-sample3000"
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is not there; set LLMREC_BENCH_DATA")
    return folder


@pytest.mark.data
def test_every_prompt_of_the_suite_is_hit(
    rebuild_games: ModuleType, cassette: Cassette, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMREC_BENCH_DATA", str(data.parent))
    suite = load_suite(SUITE, load_catalog(), "games")
    teachers = {
        s
        for m in suite.methods
        if m.config
        for s, _ in stages_of(m.config).values()
        if isinstance(s, TeacherRationales)
    }
    [teacher] = teachers  # all rows ask the same
    dataset = rebuild_games.games(data).dataset
    parts = split(dataset.sequences, suite.protocol.split)
    train = TrainingData(parts.train, dataset.items, parts.validation, parts.validation_targets, "games")
    prompts: list[Prompt] = list(teacher.prompts(train))
    identity = Recorded(Recorded.Config(), dataset.items).identity()
    found = [cassette.find(request_key(identity, prompt)) for prompt in prompts]
    assert sum(entry is not None for entry in found) == len(found) == USERS
    assert len({entry.key for entry in found if entry is not None}) == ANSWERS
    shown = [len(prompt.items) for prompt in prompts]
    assert (min(shown), max(shown), round(sum(shown) / USERS, 1)) == (2, 20, 5.2)


def test_the_cassette_holds_answers_alone(rebuild_games: ModuleType) -> None:
    cassette = Cassette(None, [SHIPPED / rebuild_games.CASSETTE])
    entries = list(cassette.entries())
    assert len(entries) == ANSWERS
    assert {entry.family for entry in entries} == {"rationale"}
    assert all(entry.request is None and entry.completion.usage.prompt_tokens is None for entry in entries)
    assert sum(parse_steps(entry.completion.text).whole for entry in entries) >= 0.99 * ANSWERS
    assert list(cassette.faults()) == []


@pytest.mark.data
def test_rebuilding_gives_the_shipped_file(rebuild_games: ModuleType, data: Path, tmp_path: Path) -> None:
    recordings = data.parents[1] / "recordings" / "games-2018-sample3000"
    if not recordings.is_dir():
        pytest.skip(f"the recorded answers are not under {recordings}")
    rebuild_games.main(recordings, data, tmp_path)
    assert (tmp_path / rebuild_games.CASSETTE).read_bytes() == (SHIPPED / rebuild_games.CASSETTE).read_bytes()
