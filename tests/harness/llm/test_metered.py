"""What stands between methods and providers: asked once, recorded at once, charged where it is spent."""

import datetime
import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from llmrec_bench.errors import BenchError
from llmrec_bench.llm.budget import Budget, BudgetReached
from llmrec_bench.llm.cassette import Cassette, request_key
from llmrec_bench.llm.language_model import Completion, LanguageModel, Usage
from llmrec_bench.llm.meter import Meter, Spending, total_usd
from llmrec_bench.llm.metered import Asking, MeteredModel
from llmrec_bench.llm.prices import Price, PriceList
from llmrec_bench.llm.prompt import Prompt, ask

PRICE = Price(model="quill", date=datetime.date(2024, 1, 1), prompt=1_000, completion=10_000, source="here")
"""0.001 USD a token in, 0.01 out."""


class Parrot(LanguageModel):
    """Says the prompt again, and remembers what it was asked."""

    name = "parrot"
    version = "1"
    billed = True
    asked: list[str] = []  # noqa: RUF012 - of all parrots
    failing: set[str] = set()  # noqa: RUF012
    stops_at = ""
    usage = Usage(10, 5)
    forgets = ""
    destroys: Path | None = None

    def answer(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, Completion]]:
        for i, prompt in reversed(list(enumerate(prompts))):
            text = prompt.messages[0].content
            if self.destroys is not None:
                shutil.rmtree(self.destroys)
                self.destroys.write_text("")
            if text == self.forgets:
                continue
            if text == self.stops_at:
                raise BenchError("parrot: no key")
            self.asked.append(text)
            if text in self.failing:
                yield i, Completion("", "failed", error="cough")
            else:
                yield i, Completion(f"{text}!", "stop", self.usage, 2.0)


class Wild(Parrot):
    """Answers for nothing."""

    name = "wild"
    billed = False
    simulated = True


class Prompter(Parrot):
    """Answers a prompt before it takes the next."""

    takes = 99

    def answer_arriving(self, prompts: Iterable[Prompt]) -> Iterator[tuple[int, Completion]]:
        for i, prompt in enumerate(islice(prompts, self.takes)):
            for _, completion in self.answer([prompt]):
                yield i, completion


@pytest.fixture(autouse=True)
def untrained(monkeypatch):
    for name, value in (("asked", []), ("failing", set()), ("stops_at", ""), ("forgets", ""), ("destroys", None)):
        monkeypatch.setattr(Parrot, name, value)


@pytest.fixture
def asking(tmp_path: Path) -> Asking:
    return Asking({"parrot": Parrot, "wild": Wild}, tmp_path / "cassette", PriceList([PRICE]))


def opened(asking: Asking, meter: Meter | None = None, **options: Any) -> MeteredModel:
    plain = {"provider": "parrot", "model": "quill", "max_tokens": 5, **options}
    kind = asking.kinds[plain["provider"]]
    return asking.open(kind.Config(**plain), pd.DataFrame({"title": []}), meter or Meter())


def prompts(*texts: str) -> list[Prompt]:
    return [ask(text, "note") for text in texts]


def test_answers_come_in_the_order_of_the_prompts_and_the_same_prompt_is_asked_once(asking):
    meter = Meter()
    found = opened(asking, meter).complete(prompts("a", "b", "a", "c", "a"))
    assert [c.text for c in found] == ["a!", "b!", "a!", "c!", "a!"]
    assert sorted(Parrot.asked) == ["a", "b", "c"]
    [spent] = meter.spendings()
    assert (spent.calls, spent.recorded_calls, spent.failed_calls) == (5, 2, 0)
    assert spent.billed_usd == pytest.approx(3 * (0.01 + 0.05))
    assert spent.notional_usd == pytest.approx(5 * (0.01 + 0.05))
    assert (spent.prompt_tokens, spent.completion_tokens, spent.call_seconds) == (50, 25, 10.0)
    assert spent.price == "quill of 2024-01-01"


def test_prompts_may_be_made_while_those_before_are_under_way(asking):
    opened(asking).complete(prompts("b"))
    Parrot.asked.clear()
    seen = []

    def made() -> Iterator[Prompt]:
        for text in "abacb":
            seen.append((text, list(Parrot.asked)))
            yield ask(text, "note")

    meter = Meter()
    found = list(opened(replace(asking, kinds={"parrot": Prompter}), meter).answers(made()))
    # The second `a` waits for the first, whatever comes of it, and `b` is recorded.
    assert found == [(i, Completion(f"{'abacb'[i]}!", "stop", Parrot.usage, 2.0)) for i in (0, 3, 1, 4, 2)]
    assert seen == [("a", []), ("b", ["a"]), ("a", ["a"]), ("c", ["a"]), ("b", ["a", "c"])]
    [spent] = meter.spendings()
    assert (spent.calls, spent.recorded_calls) == (5, 3)
    assert spent.billed_usd == pytest.approx(2 * 0.06)


def test_a_fault_in_making_prompts_keeps_what_was_answered(asking):
    def made() -> Iterator[Prompt]:
        yield ask("a", "note")
        raise BenchError("no more words")

    with pytest.raises(BenchError, match="no more words"):
        list(opened(replace(asking, kinds={"parrot": Prompter})).answers(made()))
    assert opened(replace(asking, mode="replay")).complete(prompts("a"))[0].text == "a!"


def test_a_provider_that_does_not_take_every_prompt_is_named(asking, monkeypatch):
    monkeypatch.setattr(Prompter, "takes", 2)
    with pytest.raises(BenchError, match="provider 'parrot' left 3 of 5 prompts unanswered"):
        opened(replace(asking, kinds={"parrot": Prompter})).complete(prompts(*"abcde"))


@pytest.mark.parametrize("index", [0, 7])
def test_a_provider_that_answers_what_it_was_not_asked_is_named(asking, monkeypatch, index):
    def answer(self: Parrot, prompts: Sequence[Prompt]) -> Iterator[tuple[int, Completion]]:
        yield 0, Completion("a!", "stop")
        yield index, Completion("again", "stop")

    monkeypatch.setattr(Parrot, "answer", answer)
    with pytest.raises(BenchError, match=f"provider 'parrot' answered prompt {index}, which does not wait for it"):
        opened(asking).complete(prompts("a", "b"))


def test_prompts_for_other_items_or_samples_are_others(asking):
    one = ask("a", "note", ("1",))
    opened(asking).complete([one, ask("a", "note", ("2",)), replace(one, sample=1), replace(one, family="other")])
    assert Parrot.asked == ["a"] * 3  # the family belongs to the accounts, not to the request


def test_nothing_asked_costs_nothing(asking):
    meter = Meter()
    assert opened(asking, meter).complete([]) == []
    assert meter.spendings() == []


def test_recorded_answers_are_notional_and_not_billed(asking):
    opened(asking).complete(prompts("a", "b"))
    meter = Meter()
    found = opened(asking, meter).complete(prompts("a", "b", "c"))
    assert [c.text for c in found] == ["a!", "b!", "c!"]
    assert sorted(Parrot.asked) == ["a", "b", "c"]
    [spent] = meter.spendings()
    assert (spent.calls, spent.recorded_calls) == (3, 2)
    assert spent.billed_usd == pytest.approx(0.06)
    assert spent.notional_usd == pytest.approx(0.18)


def test_two_who_want_the_same_at_once_ask_once(asking):
    answers: list[Completion] = []
    second = threading.Thread(target=lambda: answers.extend(opened(asking).complete(prompts("a", "b"))))

    class Slow(Parrot):
        """Lets the second begin before it answers the first."""

        def answer(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, Completion]]:
            second.start()
            second.join(timeout=0.3)
            yield from super().answer(prompts)

    opened(replace(asking, kinds={"parrot": Slow})).complete(prompts("a", "b"))
    second.join(timeout=30)
    assert [c.text for c in answers] == ["a!", "b!"]
    assert sorted(Parrot.asked) == ["a", "b"]


def test_who_comes_later_waits_for_what_is_under_way(asking):
    asking = replace(asking, kinds={"parrot": Prompter})
    early = opened(asking).answers(prompts(*"abc"))
    next(early)  # `a` is recorded, and the others are to be asked
    found: list[Completion] = []
    late = threading.Thread(target=lambda: found.extend(opened(asking).complete(prompts(*"abc"))))
    late.start()
    late.join(0.5)
    assert late.is_alive()
    assert len(list(early)) == 2
    late.join(60)
    assert [completion.text for completion in found] == ["a!", "b!", "c!"]
    assert Parrot.asked == ["a", "b", "c"]


def test_another_models_answers_are_not_taken(asking):
    opened(asking).complete(prompts("a"))
    opened(asking, model="goose").complete(prompts("a"))
    opened(asking, temperature=1.0).complete(prompts("a"))
    assert Parrot.asked == ["a"] * 3


def test_who_charges_nothing_bills_nothing(asking):
    meter = Meter()
    opened(asking, meter, provider="wild").complete(prompts("a"))
    [spent] = meter.spendings()
    assert (spent.billed_usd, spent.notional_usd, spent.simulated) == (0.0, pytest.approx(0.06), True)


def test_a_failed_request_is_not_recorded_and_asked_again(asking, monkeypatch):
    monkeypatch.setattr(Parrot, "failing", {"b"})
    meter = Meter()
    found = opened(asking, meter).complete(prompts("a", "b", "c"))
    assert [(c.text, c.failed, c.error) for c in found] == [("a!", False, ""), ("", True, "cough"), ("c!", False, "")]
    [spent] = meter.spendings()
    assert (spent.calls, spent.failed_calls, spent.prompt_tokens, spent.calls_without_usage) == (3, 1, 20, 0)
    assert spent.billed_usd == pytest.approx(0.12)
    monkeypatch.setattr(Parrot, "failing", set())
    Parrot.asked.clear()
    assert [c.text for c in opened(asking).complete(prompts("a", "b", "c"))] == ["a!", "b!", "c!"]
    assert Parrot.asked == ["b"]


def test_an_unknown_usage_is_unknown_and_not_nothing(asking, monkeypatch):
    meter = Meter()
    model = opened(asking, meter)
    model.complete(prompts("a"))
    monkeypatch.setattr(Parrot, "usage", Usage())
    model.complete(prompts("b"))
    [spent] = meter.spendings()
    assert (spent.calls_without_usage, spent.prompt_tokens) == (1, 10)
    assert spent.billed_usd is None
    assert spent.notional_usd is None
    later = Meter()
    opened(asking, later).complete(prompts("a", "b"))
    [spent] = later.spendings()
    assert (spent.billed_usd, spent.notional_usd) == (0.0, None)  # recorded: paid by somebody else


def test_without_a_price_money_is_unknown(asking):
    meter = Meter()
    opened(asking, meter, model="goose").complete(prompts("a"))
    [spent] = meter.spendings()
    assert (spent.billed_usd, spent.notional_usd, spent.price) == (None, None, "")


def test_a_replay_that_misses_names_what_and_asks_nothing(asking):
    opened(asking).complete(prompts("a"))
    Parrot.asked.clear()
    meter = Meter()
    model = opened(replace(asking, mode="replay"), meter)
    assert [c.text for c in model.complete(prompts("a", "a"))] == ["a!", "a!"]
    missing = [ask("the\nfirst " + "long " * 30, "note", ("42",)), *prompts("z", "z", "a")]
    with pytest.raises(BenchError) as raised:
        model.complete(missing)
    message = str(raised.value)
    key = request_key(model._model.identity(), missing[0])
    assert message.startswith("replay: 2 of 3 answers of parrot quill are not recorded in ")
    assert f"the first, note {key[:12]}, about item 42: 'the first long long" in message
    assert message.endswith("…'; run without replay to ask for them")
    assert "\n" not in message
    assert Parrot.asked == []
    assert [s.calls for s in meter.spendings()] == [2]


def test_what_was_answered_before_an_error_is_kept(asking, monkeypatch):
    monkeypatch.setattr(Parrot, "stops_at", "b")  # asked from the last to the first
    meter = Meter()
    with pytest.raises(BenchError, match="parrot: no key"):
        opened(asking, meter).complete(prompts("a", "b", "c", "d"))
    assert [s.calls for s in meter.spendings()] == [2]
    monkeypatch.setattr(Parrot, "stops_at", "")
    Parrot.asked.clear()
    opened(asking).complete(prompts("a", "b", "c", "d"))
    assert sorted(Parrot.asked) == ["a", "b"]


def test_a_provider_that_forgets_a_prompt_is_named(asking, monkeypatch):
    monkeypatch.setattr(Parrot, "forgets", "b")
    with pytest.raises(BenchError, match="provider 'parrot' left 1 of 3 prompts unanswered"):
        opened(asking).complete(prompts("a", "b", "c"))


def test_calls_are_charged_by_family_and_by_when_they_are_made(asking):
    meter = Meter()
    model = opened(asking, meter)
    model.complete([*prompts("a", "b"), ask("c", "other")])
    meter.charged = "per-request"
    model.complete(prompts("a", "d"))
    found = {(s.family, s.charged): (s.calls, s.recorded_calls) for s in meter.spendings()}
    assert found == {("note", "one-off"): (2, 0), ("other", "one-off"): (1, 0), ("note", "per-request"): (2, 1)}


def test_answers_that_come_with_a_provider_are_not_asked_for(asking, tmp_path, monkeypatch):
    opened(asking).complete(prompts("a"))
    [shipped] = asking.cassette.glob("*.jsonl")
    monkeypatch.setattr(Parrot, "recordings", [shipped])
    Parrot.asked.clear()
    opened(replace(asking, cassette=tmp_path / "empty", mode="replay")).complete(prompts("a"))
    assert Parrot.asked == []
    assert not (tmp_path / "empty").exists()


def test_a_provider_nobody_offers_is_named(asking):
    with pytest.raises(BenchError, match="unknown language model provider 'parot'; did you mean 'parrot'"):
        asking.open(Parrot.Config(provider="parot", model="quill"), pd.DataFrame(), Meter())


def budgeted(asking: Asking, tmp_path: Path, limit_usd: float) -> Asking:
    budget = Budget(tmp_path / "budget.json", limit_usd)
    budget.open()
    return replace(asking, budget=budget)


def test_a_budget_stops_before_the_request_that_might_pass_it(asking, tmp_path):
    # A prompt of one letter: at most 1 + 32 tokens in and 5 out, 0.083 USD; its answer costs 0.06.
    asking = budgeted(asking, tmp_path, 0.3)
    meter = Meter()
    with pytest.raises(BudgetReached) as raised:
        opened(asking, meter).complete(prompts(*"abcdefgh"))
    assert len(Parrot.asked) == 4  # 0.24 spent, and 0.083 would pass it
    assert str(raised.value) == (
        "the budget of 0.3 USD: 0.2400 spent, 0.0000 out for requests under way, and the next may cost 0.0830"
    )
    assert asking.budget.spent_usd == pytest.approx(0.24)
    assert meter.spendings()[0].billed_usd == pytest.approx(0.24)
    cassette = Cassette(asking.cassette)
    assert len(list(cassette.entries())) == 4


def test_what_is_recorded_needs_no_budget(asking, tmp_path):
    opened(asking).complete(prompts("a", "b"))
    broke = budgeted(asking, tmp_path, 0.0)
    assert len(opened(broke).complete(prompts("a", "b"))) == 2
    assert broke.budget.spent_usd == 0
    free = opened(broke, provider="wild", model="goose", max_tokens=None)
    assert len(free.complete(prompts("a"))) == 1


def test_an_answer_without_usage_is_taken_for_its_bound(asking, tmp_path, monkeypatch):
    monkeypatch.setattr(Parrot, "usage", Usage())
    asking = budgeted(asking, tmp_path, 1)
    opened(asking).complete(prompts("a", "b"))
    assert asking.budget.spent_usd == pytest.approx(2 * 0.083)


def test_nothing_is_asked_that_could_not_be_recorded(asking, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="file/cassette: the cassette cannot be written"):
        opened(replace(asking, cassette=tmp_path / "file" / "cassette")).complete(prompts("a", "b"))
    assert Parrot.asked == []


def test_an_answer_that_could_not_be_recorded_is_spent_all_the_same(asking, tmp_path, monkeypatch):
    monkeypatch.setattr(Parrot, "destroys", asking.cassette)
    asking = budgeted(asking, tmp_path, 1)
    with pytest.raises(BenchError, match="cannot be written"):
        opened(asking).complete(prompts("a", "b"))
    assert asking.budget.spent_usd == pytest.approx(0.06)
    asking.budget.reserve(0.93)  # the other's money is free again


def test_failed_requests_give_their_money_back(asking, tmp_path, monkeypatch):
    monkeypatch.setattr(Parrot, "failing", {"a", "b"})
    asking = budgeted(asking, tmp_path, 1)
    opened(asking).complete(prompts("a", "b"))
    assert asking.budget.spent_usd == 0
    asking.budget.reserve(1)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"model": "goose"}, "--budget: no price is known for 'goose'; give one in a file named by llm.prices"),
        ({"max_tokens": None}, "--budget: the answers of 'quill' have no greatest length; set its max_tokens"),
    ],
)
def test_what_a_budget_cannot_bound_is_not_opened(asking, tmp_path, options, says):
    with pytest.raises(BenchError) as raised:
        opened(budgeted(asking, tmp_path, 1), **options)
    assert str(raised.value) == says
    opened(replace(budgeted(asking, tmp_path, 1), mode="replay"), **options)


def test_sums_of_unknown_amounts_are_unknown():
    assert total_usd([1.0, 2.5]) == 3.5
    assert total_usd([]) == 0
    assert total_usd([1.0, None, 2.0]) is None


def test_a_spending_keeps_what_it_cannot_know_apart():
    blank = Spending(provider="p", model="m", family="f", charged="one-off", simulated=False, deployment="local")
    spent = blank.with_call(Completion("", "stop", Usage(None, 4)), False, PRICE, True, False)
    spent = spent.with_call(Completion("", "stop", Usage(3, 2, 1), 1.5), False, PRICE, True, False)
    assert (spent.calls, spent.calls_without_usage, spent.calls_without_seconds) == (2, 1, 1)
    assert (spent.completion_tokens, spent.cached_tokens, spent.call_seconds) == (6, 1, 1.5)
    assert spent.billed_usd is None
