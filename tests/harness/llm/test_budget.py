"""A budget holds whatever the requests cost and however many processes spend."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrec_bench.llm.budget import Budget, BudgetReached


def budget(folder: Path, limit_usd: float) -> Budget:
    made = Budget(folder / "suite" / "budget.json", limit_usd)
    made.open()
    return made


@settings(max_examples=40, deadline=None)
@given(
    limit=st.floats(0, 10),
    steps=st.lists(
        st.tuples(st.floats(0, 4), st.floats(0, 1), st.booleans()),  # bound, share of it that is spent, settled at once
        max_size=25,
    ),
)
def test_what_is_spent_and_out_never_passes_the_limit(tmp_path_factory, limit, steps):
    shared = budget(tmp_path_factory.mktemp("budget"), limit)
    out: list[tuple[float, float]] = []
    spent = 0.0
    for bound, share, settle in steps:
        if spent + sum(most for most, _ in out) + bound > limit + 1e-9:
            with pytest.raises(BudgetReached):
                shared.reserve(bound)
        elif spent + sum(most for most, _ in out) + bound < limit - 1e-9:
            shared.reserve(bound)
            out.append((bound, bound * share))
        if settle and out:
            most, cost = out.pop(0)
            shared.settle(most, cost)
            spent += cost
        found, reserved = shared._read()
        assert found + reserved <= limit + 1e-9
        assert found == pytest.approx(spent, abs=1e-9)


SPENDER = """
import random, sys
from pathlib import Path
from llmrec_bench.llm.budget import Budget, BudgetReached
clock, shared = random.Random(int(sys.argv[2])), Budget(Path(sys.argv[1]), 1.0)
spent = 0.0
for _ in range(40):
    bound = clock.uniform(0.005, 0.02)
    try:
        shared.reserve(bound)
    except BudgetReached:
        break
    cost = bound * clock.uniform(0.5, 1)
    shared.settle(bound, cost)
    spent += cost
print(spent)
"""


def test_several_processes_share_one_budget(tmp_path):
    shared = budget(tmp_path, 1.0)
    command = [sys.executable, "-c", SPENDER, str(shared.path)]
    spenders = [subprocess.Popen([*command, str(n)], stdout=subprocess.PIPE, text=True) for n in range(4)]
    spent = [float(process.communicate(timeout=60)[0]) for process in spenders]
    assert sum(share > 0 for share in spent) > 1  # one alone cannot spend it
    assert shared.spent_usd == pytest.approx(sum(spent))
    assert 0.9 < shared.spent_usd <= 1.0
    assert shared._read()[1] == pytest.approx(0, abs=1e-9)


def test_a_new_run_starts_at_nothing(tmp_path):
    first = budget(tmp_path, 1.0)
    first.reserve(0.5)
    first.settle(0.5, 0.4)
    assert Budget(first.path, 9.0).spent_usd == 0.4
    assert budget(tmp_path, 1.0).spent_usd == 0
