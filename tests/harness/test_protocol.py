"""The protocol says what it means, refuses what cannot be, and its hash follows every option."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from llmrec_bench.errors import BenchError
from llmrec_bench.protocol import CandidateFile, Protocol


def protocol(**options: Any) -> Protocol:
    return Protocol.model_validate(options)


def test_the_default_is_the_full_catalogue_after_leave_one_out() -> None:
    assert Protocol().describe() == (
        "leave-one-out; full catalogue; seen items masked; ties: expected value; k = 10, 20"
    )


def test_a_description_names_every_choice() -> None:
    described = protocol(
        split={"kind": "ratio", "train": 0.7, "validation": 0.1, "test": 0.2},
        candidates={"kind": "sampled", "n": 100, "by": "popularity", "seed": 7},
        seen="zero",
        ties="pessimistic",
        cutoffs=[20, 5, 5],
    ).describe()
    assert described == (
        "per-user ratio 70:10:20; target and 100 sampled negatives (popularity, strict, seed 7); "
        "seen items score 0; ties: last place; k = 5, 20"
    )


OTHERS: dict[str, dict[str, Any]] = {
    "split": {"split": {"kind": "ratio"}},
    "shares": {"split": {"kind": "ratio", "train": 0.7, "validation": 0.2, "test": 0.1}},
    "global": {"split": {"kind": "global-time"}},
    "moments": {"split": {"kind": "global-time", "validation_from": 5, "test_from": 9}},
    "sampled": {"candidates": {"kind": "sampled", "n": 100}},
    "n": {"candidates": {"kind": "sampled", "n": 99}},
    "by": {"candidates": {"kind": "sampled", "n": 100, "by": "popularity"}},
    "mode": {"candidates": {"kind": "sampled", "n": 100, "mode": "sasrec"}},
    "seed": {"candidates": {"kind": "sampled", "n": 100, "seed": 0}},
    "seen": {"seen": "none"},
    "ties": {"ties": "seeded"},
    "cutoffs": {"cutoffs": [10]},
    "explanations": {"explanations": {}},
    "pairs": {"explanations": {"pairs": 5}},
    "words": {"explanations": {"words": 5}},
}


def test_every_option_changes_the_hash() -> None:
    hashes = {name: protocol(**options).hash for name, options in OTHERS.items()}
    hashes["default"] = Protocol().hash
    assert len(set(hashes.values())) == len(hashes)


def test_the_hash_is_the_same_on_every_machine() -> None:
    assert Protocol().hash == protocol(cutoffs=[20, 10, 10]).hash == "81d675228b66"


REVIEWS = pd.DataFrame({"user": range(9), "item": range(9), "text": [f" {i}  two three" for i in range(9)]})


def test_reviews_to_explain_are_drawn_once_and_stay_in_order() -> None:
    rule = protocol(explanations={"pairs": 4}).explanations
    assert rule is not None
    asked = rule.asked(REVIEWS)
    assert asked["user"].tolist() == sorted(set(asked["user"]))
    assert len(asked) == 4
    pd.testing.assert_frame_equal(asked, rule.asked(REVIEWS))
    assert asked["text"].tolist() == [f" {i}  two three" for i in asked["user"]]
    whole = protocol(explanations={"pairs": 9}).explanations
    assert whole is not None
    pd.testing.assert_frame_equal(whole.asked(REVIEWS), REVIEWS)


def test_reviews_are_cut_at_words() -> None:
    rule = protocol(explanations={"words": 2}).explanations
    assert rule is not None
    assert rule.asked(REVIEWS)["text"].tolist() == [f"{i} two" for i in range(9)]
    assert REVIEWS["text"][0] == " 0  two three"
    assert rule.describe() == "explanations of all held-out reviews, their first 2 words"


def test_a_candidate_file_counts_by_its_content(tmp_path: Path) -> None:
    for name, content in (("a", "u 1 2"), ("b", "u 1 2"), ("c", "u 1 3")):
        (tmp_path / name).write_text(content)
    same, moved, other = (protocol(candidates={"kind": "file", "path": str(tmp_path / n)}).hash for n in "abc")
    assert same == moved != other


def test_leaving_out_unknown_candidates_is_another_protocol(tmp_path: Path) -> None:
    """But an option that came later does not move the hashes of before it."""
    (tmp_path / "a").write_text("u 1 2")
    rule = {"kind": "file", "path": str(tmp_path / "a")}
    plain, dropping = protocol(candidates=rule), protocol(candidates={**rule, "unknown": "drop"})
    assert plain.hash == "08fdcf12f828" != dropping.hash
    assert "unknown items left out" in dropping.describe()
    assert "unknown" not in plain.describe()


def test_a_missing_candidate_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"nowhere\.txt: cannot read the candidates: No such file"):
        _ = Protocol(candidates=CandidateFile(path=tmp_path / "nowhere.txt")).hash


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"cutoffs": []}, "at least 1 item", id="no cut-off"),
        pytest.param({"cutoffs": [0]}, "greater than 0", id="cut-off 0"),
        pytest.param(
            {"candidates": {"kind": "sampled", "n": 18}},
            r"cut-off 20 is larger than the 19 candidates \(target and 18 negatives\)",
            id="k above n + 1",
        ),
        pytest.param({"candidates": {"kind": "sampled", "n": 0}}, "greater than 0", id="no negatives"),
        pytest.param(
            {"candidates": {"kind": "sampled", "n": 100, "by": "popularity", "mode": "sasrec"}},
            "mode 'sasrec' draws uniformly",
            id="sasrec by popularity",
        ),
        pytest.param({"split": {"kind": "ratio", "train": 0.9}}, "must be 1, but is 1.1", id="shares above 1"),
        pytest.param({"split": {"kind": "ratio", "test": 0}}, "greater than 0", id="no test"),
        pytest.param({"split": {"kind": "random"}}, "leave-one-out", id="unknown split"),
        pytest.param({"split": {"kind": "global-time", "test_from": 5}}, "go together", id="one moment"),
        pytest.param(
            {"split": {"kind": "global-time", "test_from": 5, "validation_from": 9}}, "not be later", id="order"
        ),
        pytest.param(
            {"split": {"kind": "global-time", "test_from": 9, "validation_from": 5, "train": 0.8}},
            "either the shares or the moments",
            id="shares and moments",
        ),
        pytest.param({"seen": "keep"}, "'mask', 'none' or 'zero'", id="unknown mask"),
        pytest.param({"cutoff": [10]}, "Extra inputs", id="unknown key"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        protocol(**options)


def test_a_cut_off_above_the_catalogue_is_refused() -> None:
    Protocol().require_candidates(20)
    with pytest.raises(BenchError, match=r"cut-off 20 is larger than the 19 candidates \(full catalogue\)"):
        Protocol().require_candidates(19)
