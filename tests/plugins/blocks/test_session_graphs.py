"""Session graphs: the paper's example, and every prefix of random sequences against graphs built one by one."""

from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import torch
from hypothesis import given, settings

from llmrec_bench_plugins.blocks.session_graphs import session_graphs


def test_the_papers_example():
    """Items 1, 2, 3, 2, 4: from 2 one goes to 3 or 4; into 2 one comes from 1 or 3."""
    graphs = session_graphs(torch.tensor([[1, 2, 3, 2, 4]]))
    assert graphs.outgoing_left[0, 3].tolist() == [0, 0, 0.5, 0, 0.5]
    assert graphs.outgoing[0, 3].tolist() == [0, 0, 1, 0, 0]
    assert graphs.incoming[0, 3].tolist() == [0.5, 0, 0.5, 0, 0]
    assert graphs.incoming[0, 1].tolist() == [1, 0, 0, 0, 0]
    assert graphs.incoming[0, 0].tolist() == [0, 0, 0, 0, 0]
    assert graphs.times_seen[0, 4].tolist() == [1, 0, 1, 2, 1]
    assert graphs.times_seen[0, 2].tolist() == [1, 1, 1, 0, 0]


def neighbours(prefix: list[int]) -> tuple[dict[int, set[int]], dict[int, set[int]]]:
    """Items before and after each item of one sequence, in plain Python."""
    before: dict[int, set[int]] = {item: set() for item in prefix}
    after: dict[int, set[int]] = {item: set() for item in prefix}
    for one, other in pairwise(prefix):
        after[one].add(other)
        before[other].add(one)
    return before, after


def mean_of(row: torch.Tensor, items: list[int]) -> dict[int, float]:
    """The weight of each item in one row of weights over places."""
    total = np.bincount(items, weights=row[: len(items)].numpy(), minlength=6)
    return {int(item): round(float(total[item]), 5) for item in np.flatnonzero(total)}


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=8), min_size=1, max_size=3))
def test_every_prefix_has_the_graph_of_its_own(sequences):
    length = max(map(len, sequences))
    graphs = session_graphs(torch.tensor([row + [0] * (length - len(row)) for row in sequences]))
    for number, row in enumerate(sequences):
        for end in range(len(row)):
            prefix = row[: end + 1]
            before, after = neighbours(prefix)
            seen = graphs.times_seen[number, end]
            assert mean_of(seen, row) == {item: prefix.count(item) for item in set(prefix)}
            for place in torch.nonzero(seen)[:, 0].tolist():
                item = row[place]
                outgoing = graphs.outgoing if place == end else graphs.outgoing_left
                for edges, expected in ((graphs.incoming, before[item]), (outgoing, after[item])):
                    share = {other: round(1 / len(expected), 5) for other in expected}
                    assert mean_of(edges[number, place], row) == share
