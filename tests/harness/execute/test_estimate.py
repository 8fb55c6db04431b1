"""What a plan says of language models before they are asked, against what they took."""

import json
import shutil
from typing import Any

import pytest


def estimates(office, suite, *arguments) -> dict[str, dict[str, Any]]:
    """By stage or method, in one word."""
    done = office.bench("plan", suite, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["estimates"]
    return {e["what"].removeprefix("lane stage ").removeprefix("lane ").split()[0].strip(","): e for e in found}


def spent(office, family: str) -> dict[str, float]:
    """Sums over a family's calls, as they were charged."""
    spendings = [s for r in office.records().values() for s in r["spending"]] + office.manifest("notes")["spending"]
    names = ("calls", "prompt_tokens", "completion_tokens", "billed_usd", "notional_usd")
    return {name: sum(s[name] for s in spendings if s["family"] == family) for name in names}


def within(value: float, span: dict[str, float]) -> bool:
    return span["low"] - 1e-9 <= value <= span["high"] + 1e-9


def test_the_truth_lies_within_the_spans(office, finished, clerk_suite):
    found = estimates(office, office.write(clerk_suite))
    assert list(found) == ["notes", "digest", "asker"]
    for what, family, calls, distinct in (("notes", "note", 20, 20), ("asker", "next", 60, 20)):
        estimate, truth = found[what], spent(finished, family)
        assert (estimate["calls"], truth["calls"]) == (calls, calls)
        assert (estimate["provider"], estimate["model"], estimate["built"]) == ("clerk", "quill", False)
        assert estimate["recorded_calls"] == calls - distinct  # alike, and so asked once
        for name in ("prompt_tokens", "completion_tokens", "billed_usd", "notional_usd"):
            assert within(truth[name], estimate[name]), (what, name)
            assert estimate[name]["low"] < estimate[name]["high"]
        assert estimate["price"] == "quill of 2024-01-01"
        assert estimate["call_seconds"] is None
        assert estimate["fault"] == ""
    asker = found["asker"]  # each answer is paid for once, and used about three times
    assert asker["billed_usd"]["high"] * 3 == pytest.approx(asker["notional_usd"]["high"], rel=0.02)
    notes = found["notes"]
    characters = sum(len(f"Write in a plain style about: The Long Story of Item Number {i}") for i in range(20))
    assert notes["prompt_tokens"]["likely"] == pytest.approx(characters / 4)
    assert notes["completion_tokens"] == {"low": 20, "likely": None, "high": 200}
    assert notes["billed_usd"]["high"] == pytest.approx(characters / 3 * 0.001 + 200 * 0.01)
    assert [e["charged"] for e in found.values()] == ["one-off", "one-off", "per-request"]
    assert found["digest"]["calls"] == 0
    assert office.calls() == []
    assert not (office.results / "cassette").exists()


def test_what_is_done_costs_nothing_more(finished):
    found = estimates(finished, finished.folder / "small.yaml")
    for what, family in (("notes", "note"), ("asker", "next")):
        estimate, truth = found[what], spent(finished, family)
        assert estimate["built"]
        assert estimate["recorded_calls"] == estimate["calls"]
        assert estimate["billed_usd"] == {"low": 0, "likely": 0, "high": 0}
        assert estimate["notional_usd"]["low"] == pytest.approx(truth["notional_usd"])
        assert estimate["notional_usd"]["high"] == pytest.approx(truth["notional_usd"])
        assert estimate["prompt_tokens"]["likely"] == truth["prompt_tokens"]
    assert found["notes"]["call_seconds"] == finished.manifest("notes")["build_seconds"]
    assert found["digest"]["call_seconds"] == finished.manifest("digest")["build_seconds"]
    assert found["asker"]["call_seconds"] == 0


def test_a_built_stage_asks_nothing_whatever_became_of_its_answers(copied):
    shutil.rmtree(copied.results / "cassette")
    found = estimates(copied, copied.folder / "small.yaml", "--seeds", "9")
    assert found["notes"]["built"]
    assert found["notes"]["recorded_calls"] == 0
    assert found["notes"]["billed_usd"] == {"low": 0, "likely": 0, "high": 0}
    assert found["asker"]["billed_usd"]["low"] > 0
    replay = estimates(copied, copied.folder / "small.yaml", "--seeds", "9", "--replay")
    assert replay["notes"]["fault"] == ""
    assert replay["asker"]["fault"].startswith("replay: 20 answers of clerk quill are not recorded in ")


def test_recorded_answers_narrow_the_spans(office, clerk_suite):
    suite = office.write(clerk_suite)
    before = estimates(office, suite)["notes"]
    assert office.bench("run", suite, "--only", "skimmer", CLERK_AT="13", CLERK_DOES="stop").returncode == 1
    after = estimates(office, suite)["notes"]
    assert (after["built"], after["recorded_calls"]) == (False, 12)
    assert after["completion_tokens"] == {"low": 100, "likely": 100, "high": 100}
    assert after["call_seconds"] == 8 * 0.5
    for name in ("prompt_tokens", "notional_usd"):
        assert after[name]["high"] - after[name]["low"] < (before[name]["high"] - before[name]["low"]) / 4
    assert office.bench("run", suite, "--only", "skimmer").returncode == 0
    [truth] = office.manifest("notes")["spending"]
    assert within(truth["prompt_tokens"], after["prompt_tokens"])
    left = truth["billed_usd"] * 8 / 20  # all notes cost the same, and twelve were paid for before
    assert after["billed_usd"]["low"] == pytest.approx(left)
    assert left <= after["billed_usd"]["high"]
    assert within(truth["notional_usd"], after["notional_usd"])


def test_without_a_price_money_is_not_known_and_without_a_limit_not_bounded(office, clerk_suite):
    text = clerk_suite.replace("llm: {prices: prices.yaml}\n", "").replace(", max_tokens: 10", "")
    suite = office.write(text)
    found = estimates(office, suite)
    assert found["notes"]["billed_usd"] is None
    assert found["notes"]["notional_usd"] is None
    assert found["notes"]["completion_tokens"] == {"low": 20, "likely": None, "high": None}
    shown = office.bench("plan", suite).stdout
    line = next(line for line in shown.splitlines() if "asker, 2 seeds" in line)
    assert line.split()[-2:] == ["n/a", "n/a"]


def test_who_charges_nothing_costs_nothing(office, clerk_suite):
    suite = office.write(clerk_suite.replace("provider: clerk", "provider: volunteer"))
    notes = estimates(office, suite)["notes"]
    assert notes["billed_usd"] == {"low": 0, "likely": 0, "high": 0}
    assert notes["notional_usd"]["low"] > 0


def test_one_seed_is_one_seed_and_a_person_can_read_it(office, clerk_suite):
    shown = office.bench("plan", office.write(clerk_suite), "--seeds", "1").stdout
    assert "lane asker, 1 seed " in shown
    assert "lane stage notes" in shown
    assert "Price: quill of 2024-01-01 (US dollars)." in shown
    assert "to do" in shown
