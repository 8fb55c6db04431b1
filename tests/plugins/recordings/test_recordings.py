"""Every prompt that the project makes of MovieLens-100K finds its recorded answer, and no other prompt does."""

import os
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from llmrec_bench.llm.cassette import Cassette, request_key
from llmrec_bench_plugins.llms.recorded import Recorded

RECORDED_FROM = Path(os.environ.get("LLMREC_BENCH_DATA", "../shared/data")).parent / "recordings" / "ml-100k"
SHIPPED = Recorded.recordings[0].parent


def test_every_prompt_is_hit(rebuild: ModuleType, cassette: Cassette) -> None:
    known = rebuild.films()
    identity = Recorded(Recorded.Config(), known.dataset.items).identity()
    candidates = rebuild.candidates_of(known, SHIPPED / rebuild.CANDIDATES)
    families: Counter[str] = Counter()
    keys = set()
    for _, prompt in rebuild.prompts(known, candidates):
        key = request_key(identity, prompt)
        entry = cassette.find(key)
        assert entry is not None, prompt
        assert entry.family == prompt.family
        keys.add(key)
        families[prompt.family] += 1
    assert families == {"item-facts": 1349, "rationale": 943, "preference": 943, "ranking": 943}
    shipped = Cassette(None, [SHIPPED / rebuild.CASSETTE])
    shipped.refresh()
    assert len(keys) == len(shipped) == 4178


def test_the_target_is_among_the_candidates_and_never_in_the_history(rebuild: ModuleType) -> None:
    known = rebuild.films()
    for user, row in enumerate(rebuild.candidates_of(known, SHIPPED / rebuild.CANDIDATES)):
        rated = known.dataset.sequences[user]
        assert len(set(row)) == 20
        assert set(row) & set(rated.tolist()) == {int(rated[-1])}


def test_other_items_under_the_same_words_are_a_miss(rebuild: ModuleType, cassette: Cassette) -> None:
    known = rebuild.films()
    identity = Recorded(Recorded.Config(), known.dataset.items).identity()
    candidates = rebuild.candidates_of(known, SHIPPED / rebuild.CANDIDATES)
    _, prompt = next(rebuild.prompts(known, candidates))
    assert cassette.find(request_key(identity, prompt)) is not None
    for other in (replace(prompt, items=("9999",)), replace(prompt, sample=1)):
        assert cassette.find(request_key(identity, other)) is None


def test_the_cassette_tells_nothing_of_the_data(cassette: Cassette) -> None:
    for entry in cassette.entries():
        assert entry.request is None
        assert entry.completion.usage.prompt_tokens is None
        assert entry.completion.seconds is None
    assert list(cassette.faults()) == []


def test_rankings_are_lists_of_numbers(cassette: Cassette) -> None:
    rankings = [entry.completion.text for entry in cassette.entries() if entry.family == "ranking"]
    whole = [sorted(map(int, re.findall(r"\d+", text))) == list(range(1, 21)) for text in rankings]
    assert sum(whole) >= 0.99 * len(rankings)


@pytest.mark.data
def test_rebuilding_gives_the_shipped_files(rebuild: ModuleType, tmp_path: Path) -> None:
    if not RECORDED_FROM.is_dir():
        pytest.skip(f"the recorded files are not under {RECORDED_FROM}")
    rebuild.main(RECORDED_FROM, tmp_path)
    for name in (rebuild.CASSETTE, rebuild.CANDIDATES, rebuild.ORDERS):
        assert (tmp_path / name).read_bytes() == (SHIPPED / name).read_bytes()
