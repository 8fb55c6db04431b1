"""The ranker on the recorded rankings: every prompt is hit, and the scores are what the answers say."""

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from llmrec_bench import Run, TrainingData
from llmrec_bench.candidates import offer
from llmrec_bench.data.splits import LeaveOneOut, split
from llmrec_bench.llm.cassette import Cassette, request_key
from llmrec_bench.plugins import load_catalog
from llmrec_bench.protocol import CandidatePlaces, Protocol
from llmrec_bench.suite import load_suite
from llmrec_bench_plugins.llms.recorded import Recorded
from llmrec_bench_plugins.ranker.llm_ranker import LLMRanker

SUITE = Path(__file__).parents[3] / "suites" / "ranker.yaml"
SHIPPED = Recorded.recordings[0].parent


def test_the_suite_ranks_as_recorded(
    rebuild: ModuleType, cassette: Cassette, make_run: Callable[..., Run], tmp_path: Path
) -> None:
    suite = load_suite(SUITE, load_catalog())
    [config] = [
        m.config for m in suite.methods if isinstance(m.config, LLMRanker.Config) and m.datasets == ("ml-100k",)
    ]
    assert suite.protocol.candidates == CandidatePlaces(path=SHIPPED.resolve() / rebuild.CANDIDATES) or (
        suite.protocol.candidates.path.resolve() == SHIPPED.resolve() / rebuild.CANDIDATES
    )
    known = rebuild.films()
    parts = split(known.dataset.sequences, LeaveOneOut())
    train = TrainingData(parts.train, known.dataset.items, parts.validation, parts.validation_targets, "ml-100k")
    protocol = Protocol(candidates=CandidatePlaces(path=SHIPPED / rebuild.CANDIDATES))
    offered = offer(known.dataset, parts, protocol, "test", 1, tmp_path)
    ranker = LLMRanker(config)
    ranker.fit(train, make_run(train))
    scores = ranker.score(offered.queries)  # the provider answers nothing that was not recorded
    assert ranker.remarks[0].startswith("943 answers to 943 queries: 943 valid, 0 repaired, 0 duplicate, 0 off-list")

    identity = Recorded(Recorded.Config(), known.dataset.items).identity()
    listed = rebuild.candidates_of(known, SHIPPED / rebuild.CANDIDATES)
    ranks = []
    for name, prompt in rebuild.prompts(known, listed):
        if name.startswith("ranker_rankings"):
            entry = cassette.find(request_key(identity, prompt))
            assert entry is not None
            target = 1 + listed[len(ranks)].index(int(known.dataset.sequences[len(ranks)][-1]))
            ranks.append(1 + [int(number) for number in re.findall(r"\d+", entry.completion.text)].index(target))
    own = scores[offered.queries.candidates == offered.targets.items[:, None]]
    assert (1 + (scores > own[:, None]).sum(axis=1)).tolist() == ranks
    assert np.mean(np.array(ranks) == 1) == pytest.approx(398 / 943)
