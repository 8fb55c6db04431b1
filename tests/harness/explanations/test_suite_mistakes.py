"""What a suite can say wrongly of texts, each mistake in one line that says what would work."""

import importlib.util
from typing import Any

import pytest

from llmrec_bench import load_catalog, load_suite
from llmrec_bench.errors import SuiteErrors


def mistakes(booth: Any) -> list[str]:
    """Without the file's name."""
    with pytest.raises(SuiteErrors) as found:
        load_suite(booth.suite, load_catalog())
    return [line.removeprefix(f"{booth.suite}:") for line in found.value.mistakes]


def test_texts_are_measured_only_where_they_are_asked_for(booth: Any) -> None:
    booth.suite.write_text(
        "datasets: {booth: {source: booth}}\nprotocol: {cutoffs: [1]}\nmethods: {template: }\n"
        "metrics:\n  - HR\n  - BLEU-4\n  - USR\n"
    )
    assert mistakes(booth) == [
        f"{line}: metrics: '{name}' measures explanations, and none are asked for; add `explanations: {{}}` to protocol"
        for line, name in ((6, "BLEU-4"), (7, "USR"))
    ]


def test_a_suite_without_a_protocol_asks_for_none(booth: Any) -> None:
    booth.suite.write_text("datasets: {booth: {source: booth}}\nmethods: {template: }\nmetrics: [USR]\n")
    assert mistakes(booth) == [
        "3: metrics: 'USR' measures explanations, and none are asked for; add `explanations: {}` to protocol"
    ]


def test_a_profile_that_drops_the_explanations(booth: Any) -> None:
    booth.suite.write_text(
        "datasets: {booth: {source: booth}}\nprotocol: {cutoffs: [1], explanations: {}}\nmethods: {template: }\n"
        "metrics: [USR]\nprofiles: {bare: {protocol: {cutoffs: [1]}}}\n"
    )
    assert len(mistakes(booth)) == 1


def test_texts_have_no_cut_off(booth: Any) -> None:
    booth.suite.write_text(
        "datasets: {booth: {source: booth}}\nprotocol: {cutoffs: [1], explanations: {}}\nmethods: {template: }\n"
        "metrics: [HR, USR, BLEU-4@10]\ntables: {one: {metrics: [USR@1, ROUGE-L, HR@1, USR]}}\n"
        "tune: {metric: BLEU-4@10}\nfigures: {gains: {kind: activity, metric: USR}}\n"
    )
    assert mistakes(booth) == [
        "4: metrics: 'BLEU-4' measures texts, which have no cut-off; leave out '@10'",
        "5: tables.one: 'ROUGE-L' is not measured by this suite (metrics HR, BLEU-4@10 at 1; USR)"
        "; known: BLEU-4@10@1, HR@1, USR",
        "5: tables.one: 'USR' measures texts, which have no cut-off; leave out '@1'",
        "6: tune.metric: 'BLEU-4' measures explanations, which validation has none of; name another",
        "7: figures.gains: 'USR' has no value for a single user, which groups of users need; take another, such as "
        "ACLT, APLT, ARP, EFD, EFD_free",
    ]


@pytest.mark.parametrize(
    ("given", "close"),
    [("BLEU4", "BLEU-4"), ("ROUGEL", "ROUGE-L"), ("FeatureDiversty", "FeatureDiversity")],
)
def test_close_matches(booth: Any, given: str, close: str) -> None:
    booth.change("Length]", f"{given}]")
    assert mistakes(booth) == [f"9: unknown metric '{given}'; did you mean '{close}'?"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{pairs: 0}", "protocol.explanations.pairs: should be greater than 0 (given 0)"),
        ("{word: 20}", "protocol.explanations: unknown key 'word'; did you mean 'words'?"),
        ("true", "protocol.explanations: should be a mapping (given true)"),
    ],
)
def test_options_of_explanations(booth: Any, given: str, message: str) -> None:
    booth.change("explanations: {}", f"explanations: {given}")
    assert mistakes(booth) == [f"3: {message}"]


def test_a_missing_package_is_told_before_anything_runs(booth: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *of: None if name == "sacrebleu" else find(name, *of))
    assert mistakes(booth) == [
        f"9: metrics: '{name}' needs the package sacrebleu; pip install 'llmrec-bench[text]'"
        for name in ("BLEU-1", "BLEU-4")
    ]
