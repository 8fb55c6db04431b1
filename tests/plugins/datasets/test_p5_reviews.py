"""Review sentences beside P5 sequences."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmrec_bench import BenchError
from llmrec_bench_plugins.datasets.p5 import P5

Write = Callable[[str, str], Path]
SEQUENCES = "1 1 2 3\n2 2 4 1\n"
MAPS = '{"id2user": {"1": "A", "2": "B"}, "id2item": {"1": "a", "2": "b", "3": "c", "4": "d"}}'
TOLD = [(1, 2, "soft strings", "strings"), (2, 1, "too loud", None), (2, 4, "", "")]


def records(user: Any = lambda n: n, item: Any = lambda n: n) -> list[dict[str, Any]]:
    return [
        {"user": user(u), "item": item(i), "rating": 5, "explanation": text, **({} if f is None else {"feature": f})}
        for u, i, text, f in TOLD
    ]


@pytest.fixture
def folder(write: Write, tmp_path: Path) -> Path:
    write("sequential.txt", SEQUENCES)
    write("datamaps.json", MAPS)
    return tmp_path


def told(folder: Path) -> dict[tuple[int, int], tuple[str, str]]:
    events = P5(path=folder).read().events
    return {(u, i): (r, f) for u, i, r, f in events[["user", "item", "review", "feature"]].itertuples(index=False)}


EXPECTED = {
    (1, 1): ("", ""),
    (1, 2): ("soft strings", "strings"),
    (1, 3): ("", ""),
    (2, 2): ("", ""),
    (2, 4): ("", ""),
    (2, 1): ("too loud", ""),
}


@pytest.mark.parametrize("ending", ["", ".gz"], ids=["plain", "gzipped"])
@pytest.mark.parametrize(
    ("user", "item"),
    [
        (lambda n: n, lambda n: n),
        (str, str),
        (lambda n: "_AB"[n], lambda n: "_abcd"[n]),
        (str, lambda n: "_abcd"[n]),
    ],
    ids=["numbers", "numbers as text", "published names", "each its own way"],
)
def test_users_and_items_by_number_or_published_name(
    user: Any, item: Any, ending: str, folder: Path, write: Write
) -> None:
    write(f"explanation.json{ending}", json.dumps(records(user, item)))
    assert told(folder) == EXPECTED


def test_shares_of_the_file_are_put_together(folder: Path, write: Write) -> None:
    first, second, third = records()
    write("explanation.json", json.dumps({"train": [first], "val": [second], "test": [third]}))
    assert told(folder) == EXPECTED


def test_without_maps_there_are_numbers_only(folder: Path, write: Write) -> None:
    (folder / "datamaps.json").unlink()
    write("explanation.json", json.dumps(records()))
    assert told(folder) == EXPECTED
    write("explanation.json", json.dumps(records(lambda n: "_AB"[n])))
    with pytest.raises(
        BenchError, match=r"record 1: user 'A' is no number of the sequences, and datamaps.json does not"
    ):
        told(folder)


def test_reviews_may_be_left_alone(folder: Path, write: Write) -> None:
    write("explanation.json", "broken")
    assert P5(path=folder, use_reviews=False).read().events.columns.tolist() == ["user", "item"]


def test_a_pickle_is_never_read(folder: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (folder / "sprung",))

    (folder / "exp_splits.pkl").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(BenchError) as error:
        P5(path=folder).read()
    assert str(error.value) == (
        f"{folder / 'exp_splits.pkl'}: a pickle runs whatever code is in it, and is not read; "
        "write its records as JSON to explanation.json, or set `use_reviews: false`"
    )
    assert P5(path=folder, use_reviews=False).read().events.columns.tolist() == ["user", "item"]
    assert not (folder / "sprung").exists()


RECORD = {"user": 1, "item": 2, "explanation": "soft"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("[{", "line 1: broken JSON"),
        ("[]", "no record; give a list of objects with user, item and explanation"),
        ("3", "neither a list of records nor an object of such lists"),
        (json.dumps({"train": {"user": 1}}), "neither a list of records nor an object of such lists"),
        ("[3]", "record 1: '3' is no object"),
        (json.dumps([RECORD, {"user": 1, "item": 2}]), "record 2: no 'explanation'; it has user, item"),
        (json.dumps([{**RECORD, "explanation": None}]), "record 1: 'explanation' is 'None', which is no text"),
        (json.dumps([{**RECORD, "feature": ["a"]}]), "record 1: 'feature' is"),
        (json.dumps([{**RECORD, "user": 1.5}]), "record 1: 'user' is '1.5', which is no text"),
        (json.dumps([{**RECORD, "user": "C"}]), "record 1: user 'C' is no number of the sequences, and datamaps"),
        (
            json.dumps([RECORD, {**RECORD, "item": 4}, {**RECORD, "user": 9}]),
            r"record 2: user '1' with item '4' is not in the sequences \(2 of 3 records like this\)",
        ),
        (json.dumps([RECORD, RECORD]), "record 2: user '1' with item '2' has a review already"),
    ],
)
def test_mistakes(content: str, message: str, folder: Path, write: Write) -> None:
    write("explanation.json", content)
    with pytest.raises(BenchError, match=f"explanation.json: {message}") as error:
        told(folder)
    assert "\n" not in str(error.value)
