"""What a search proposes next, what it may propose from, and which attempt it chooses."""

from collections.abc import Collection, Sequence
from typing import Annotated

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrec_bench import Choice, Method, Range, load_catalog
from llmrec_bench.search_space import declared_space, whole_options
from llmrec_bench.tuning import Attempt, Tuning, best_of, propose

SPACE = {
    "rate": Range(1e-4, 1e-1, log=True),
    "share": Range(0, 1),
    "width": Range(2, 64),
    "kind": Choice(("a", None, 3)),
}
WHOLE = {"width"}
UNTUNED = {"rate": 0.5, "share": 0.5, "width": 8, "kind": "a", "other": 1}


def search(fits: int, tuning: Tuning, failed: Collection[int] = (), past: Sequence[Attempt] = ()) -> list[Attempt]:
    """A search that wants a large share, from its `past` on; the fits with the `failed` numbers have no value."""
    found = list(past)
    while len(found) < fits:
        options = propose(SPACE, WHOLE, UNTUNED, found, tuning)
        found.append(Attempt(options, None if len(found) in failed else options.get("share", 0.5)))
    return found


class Kinds(Method.Config):
    whole: int = 1
    whole_or_none: int | None = None
    real: float = 1
    either: int | float = 1
    text: str = ""
    ranged: Annotated[int, Range(1, 3)] = 2
    chosen: Annotated[str, Choice(("a", "b"))] = "a"


def test_what_a_config_declares():
    assert whole_options(Kinds) == {"whole", "whole_or_none", "ranged"}
    assert declared_space(Kinds) == {"ranged": Range(1, 3), "chosen": Choice(("a", "b"))}


CATALOG = load_catalog()


@pytest.mark.parametrize("method", CATALOG.methods.values(), ids=lambda method: method.name)
def test_built_in_methods_accept_the_edges_of_what_they_declare(method):
    given = {
        "user_text": {"texts": {"kind": "titles"}},
        "item_text": {"encoder": {"kind": "minilm"}},
        "rationales": {"writer": {"provider": "simulated"}},
    }
    fields = method.Config.model_fields
    required = {name: value for name, value in given.items() if name in fields and fields[name].is_required()}
    for option, part in declared_space(method.Config).items():
        for edge in part.edges():
            value = int(edge) if option in whole_options(method.Config) else edge
            config = method.Config.model_validate({**required, option: value}, context=CATALOG.context)
            assert getattr(config, option) == value
    for options in method.settings.values():
        settings, default = (
            method.Config.model_validate({**required, **given}, context=CATALOG.context) for given in (options, {})
        )
        assert settings != default


@pytest.mark.parametrize(
    ("low", "high", "log", "message"),
    [(1, 1, False, "low should be below high"), (2, 1, False, "low should be"), (0, 1, True, "should start above 0")],
)
def test_a_range_is_refused(low, high, log, message):
    with pytest.raises(ValueError, match=message):
        Range(low, high, log)


def test_the_first_fit_is_untuned_and_the_others_are_inside():
    for sampler in ("tpe", "random"):
        past = search(30, Tuning(sampler=sampler))
        assert past[0].options == {}
        for attempt in past[1:]:
            assert set(attempt.options) == set(SPACE)
            assert 1e-4 <= attempt.options["rate"] <= 1e-1
            assert 0 <= attempt.options["share"] <= 1
            assert type(attempt.options["width"]) is int
            assert 2 <= attempt.options["width"] <= 64
            assert attempt.options["kind"] in ("a", None, 3)
        assert len({tuple(attempt.options.items()) for attempt in past}) == 30


def test_it_learns_from_the_past():
    """With 40 fits, the estimator's later proposals lie higher than those of chance, whose mean is 0.5."""
    late = [attempt.options["share"] for attempt in search(40, Tuning(sampler="tpe"))[20:]]
    chance = [attempt.options["share"] for attempt in search(40, Tuning(sampler="random"))[20:]]
    assert sum(late) / 20 > 0.75 > sum(chance) / 20


def test_log_ranges_are_drawn_by_powers_of_ten():
    rates = [attempt.options["rate"] for attempt in search(61, Tuning(sampler="random"))[1:]]
    assert 10 <= sum(rate < 1e-3 for rate in rates) <= 30  # a third of 60; evenly it would be 1 in 100


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cut=st.integers(0, 14), failed=st.sets(st.integers(0, 14)))
def test_a_search_depends_on_its_past_and_seed_alone(seed, cut, failed):
    whole = search(15, Tuning(seed=seed), failed)
    assert search(15, Tuning(seed=seed), failed, past=whole[:cut]) == whole


def test_seeds_differ():
    assert search(3, Tuning(seed=1))[1:] != search(3, Tuning(seed=2))[1:]


def test_the_best_is_the_first_of_the_highest():
    values = [0.1, None, 0.3, 0.2, 0.3]
    assert best_of([Attempt({}, value) for value in values]) == 2
    assert best_of([Attempt({}, None)]) is None
    assert best_of([]) is None
