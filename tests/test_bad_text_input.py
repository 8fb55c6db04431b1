"""Data that give language models nothing to read: each method that wants a text says so in one line, and the other
methods of the suite are none the worse."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from llmrec_bench.cli import main

Outcome = dict[str, str]
"""By method: `finished`, or what its failure says."""

TEACHER = {"kind": "teacher", "writer": {"provider": "simulated"}}
FACTS = {"kind": "facts", "writer": {"provider": "simulated"}}
SCRATCH = {"kind": "from-scratch", "width": 16, "layers": 1, "heads": 2, "epochs": 1, "vocabulary": 300}
STUDENT = {"kind": "student", "student": {"kind": "distilled", "teacher": TEACHER, "base": SCRATCH}}
TFIDF = {"kind": "tfidf"}
SMALL = {"epochs": 1, "width": 8}
ITEMS = {"texts": {"kind": "columns", "columns": ["category"]}, "encoder": TFIDF}
"""Texts that the items have, so that those of the users are what is missing."""


def slim(**texts: object) -> dict[str, object]:
    told = {"user_text": {"texts": texts, "encoder": TFIDF}, "item_text": ITEMS}
    return {"method": "slim-gru4rec", "config": {**SMALL, **told, "share_fusion": False}}


METHODS = {
    "popularity": None,
    "teacher": slim(**TEACHER),
    "student": slim(**STUDENT),
    "titles": slim(kind="titles"),
    "facts": {"method": "gru4rec+", "config": {**SMALL, "item_text": {"texts": FACTS, "encoder": TFIDF}}},
    "columns": {"method": "gru4rec+", "config": {**SMALL, "item_text": {"encoder": TFIDF}}},
}


@pytest.fixture
def outcome(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[int, bool], Outcome]:
    """What becomes of every method where users have so many events, on items with or without titles."""

    def run(events: int, titled: bool) -> Outcome:
        rows = [f"u{user}\ti{(user + time) % 12}\t{time}" for user in range(12) for time in range(events)]
        (tmp_path / "shop.inter").write_text("\n".join(["user_id:token\titem_id:token\ttimestamp:float", *rows]))
        items = [f"i{i}\t{f'Thing {i}' if titled else ''}\tkind {i % 3}" for i in range(12)]
        (tmp_path / "shop.item").write_text("\n".join(["item_id:token\ttitle:token_seq\tcategory:token_seq", *items]))
        suite = {
            "datasets": {"shop": {"source": "recbole-atomic", "options": {"path": "."}}},
            "protocol": {"cutoffs": [2]},
            "methods": METHODS,
            "metrics": ["HR"],
            "seeds": [1],
        }
        (tmp_path / "small.yaml").write_text(yaml.safe_dump(suite, sort_keys=False))
        with pytest.raises(SystemExit):
            main(["run", str(tmp_path / "small.yaml"), "--results", str(tmp_path / "results"), "--workers", "0"])
        assert "Traceback" not in "".join(capsys.readouterr())
        found = {}
        for path in tmp_path.glob("results/small/trials/*/record.json"):
            record = json.loads(path.read_text())
            failure = record["failure"]
            assert failure is None or (failure["kind"], "\n" in failure["message"]) == ("BenchError", False), failure
            found[record["method"]["label"]] = "finished" if failure is None else failure["message"]
        return found

    return run


def test_all_is_well_with_titles_and_histories(outcome):
    assert outcome(6, titled=True) == dict.fromkeys(METHODS, "finished")


def test_items_without_titles(outcome):
    assert outcome(6, titled=False) == {
        "popularity": "finished",
        "teacher": "stage 'teacher-rationales': no user has a history of titled items to ask about",
        "student": "stage 'teacher-rationales': no user has a history of titled items to ask about",
        "titles": "user-text-embeddings: no user has a text",
        "facts": "stage 'item-facts': no item of the data set has a title to ask about",
        "columns": "finished",  # the category is a text too
    }


def test_users_without_a_history(outcome):
    """Of three events each, one is for training, and nothing came before it."""
    assert outcome(3, titled=True) == {
        "popularity": "finished",
        "teacher": "stage 'teacher-rationales': no user has a history of titled items to ask about",
        "student": "stage 'teacher-rationales': no user has a history of titled items to ask about",
        "titles": "user-text-embeddings: no user has a text",
        "facts": "gru4rec+: no user has two training items, so there is no next item to learn from",
        "columns": "gru4rec+: no user has two training items, so there is no next item to learn from",
    }
