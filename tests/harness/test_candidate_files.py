"""Candidate files: what they mean, and one clear line for each way they can be wrong."""

import gzip
import os
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest

from llmrec_bench.candidate_files import read_candidates, read_places
from llmrec_bench.data.sequences import PAD, Sequences
from llmrec_bench.data.splits import LeaveOneOut, split
from llmrec_bench.errors import BenchError
from llmrec_bench.protocol import CandidateFile, CandidatePlaces, Protocol

SEQUENCES = Sequences(np.array([0, 3, 5, 8]), np.array([0, 1, 2, 3, 4, 5, 6, 7], dtype=np.int32))
PARTS = split(SEQUENCES, LeaveOneOut())  # user 1 has two events: training only
USERS = pd.Index([100, 101, 102])
ITEMS = [f"i{i}" for i in range(8)]
DATA = Path(os.environ.get("LLMREC_BENCH_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


def read(
    path: Path, first: int | None = None, add_target: bool = False, unknown: Literal["refuse", "drop"] = "refuse"
) -> tuple[list[int], list[list[int]]]:
    rule = CandidateFile(path=path, first=first, add_target=add_target, unknown=unknown)
    rows, candidates = read_candidates(rule, USERS, ITEMS, PARTS.test, PARTS.test_targets)
    assert candidates.dtype == np.int32
    return rows.tolist(), candidates.tolist()


def test_lines_become_rows_in_the_order_of_queries(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("102 i0 i1 i2\n\n100\ti3 i4\n")
    assert read(path) == ([0, 1], [[3, 4, PAD], [0, 1, 2]])


def test_a_gzipped_file_with_some_users(tmp_path: Path) -> None:
    path = tmp_path / "lines.gz"
    path.write_bytes(gzip.compress(b"102\ti0 i7 i0\n"))
    assert read(path) == ([1], [[0, 7]])


def test_a_missing_target_is_added_on_request(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("100 i3 i4\n102 i7 i4\n")
    assert read(path, add_target=True) == ([0, 1], [[2, 3, 4], [4, 7, PAD]])
    assert read(path, first=1, add_target=True) == ([0, 1], [[2, 3], [7, PAD]])
    assert read(path, first=1) == ([0, 1], [[3], [7]])


def test_what_the_data_set_lacks_is_left_out_on_request(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("9 i0 i1\n102 i99 i3 x i4 i0\n")
    assert read(path, unknown="drop") == ([1], [[0, 3, 4]])
    assert read(path, first=2, unknown="drop") == ([1], [[3, 4]])  # the first two that there are
    assert read(path, first=2, add_target=True, unknown="drop") == ([1], [[3, 4, 7]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("9 i0\n8 i1\n", "none of its users (like '9') is in the data set (users like '100')"),
        ("100 i1\n102 1 2\n", ":2: no candidate of user '102' is in the data set (items like 'i0')"),
        ("101 i0\n", ":1: user '101' has no test events"),
        ("100 i0\n9 i0\n100 i1\n", ":3: user '100' has a line already"),
    ],
)
def test_leaving_out_does_not_hide_a_wrong_file(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "lines.txt"
    path.write_text(content)
    with pytest.raises(BenchError) as raised:
        read(path, unknown="drop")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("", "no candidates in it", id="empty"),
        pytest.param("100 i0\n102\n", ":2: user '102' has no candidates", id="line without items"),
        pytest.param("100 i0\n\n102 i1 i99\n", ":3: item 'i99' is not in the data set", id="unknown item"),
        pytest.param("100 i0\n9 i1\n", ":2: user '9' is not in the data set", id="unknown user"),
        pytest.param("101 i0\n", ":1: user '101' has no test events", id="train-only user"),
        pytest.param("100 i0\n102 i0\n100 i1\n", ":3: user '100' has a line already", id="user twice"),
    ],
)
def test_a_wrong_file_is_refused_by_line(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text(content)
    with pytest.raises(BenchError, match=message):
        read(path)


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"nowhere\.gz: cannot read the candidates"):
        read(tmp_path / "nowhere.gz")
    (tmp_path / "torn.gz").write_bytes(gzip.compress(b"100 i0\n" * 50)[:-9])
    with pytest.raises(BenchError, match=r"torn\.gz: cannot read the candidates"):
        read(tmp_path / "torn.gz")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "width", "share"), [("random", 100, 0.0), ("sasrec", 100, 0.275), ("rabmbepobpgrsa_3", 21, 0.05)]
)
def test_published_candidates_hold_the_published_share_of_targets(name: str, width: int, share: float) -> None:
    folder = DATA / "llmrank-games"
    if not folder.exists():
        pytest.skip("llmrank-games is not under LLMREC_BENCH_DATA")
    table = pd.read_csv(folder / "Games-6k.test.inter.gz", sep="\t")
    histories = table["item_id_list:token_seq"].str.split()
    items = np.concatenate(
        [np.array([*h, t], dtype=np.int32) for h, t in zip(histories, table.iloc[:, 2], strict=True)]
    )
    parts = split(Sequences(np.cumsum([0, *(histories.str.len() + 1)]), items), LeaveOneOut())
    rule = CandidateFile(path=folder / f"Games.{name}.gz")
    rows, candidates = read_candidates(rule, pd.Index(table.iloc[:, 0]), range(16859), parts.test, parts.test_targets)
    assert candidates.shape == (200, width)
    targets = parts.test_targets.items[rows]
    assert (candidates == targets[:, None]).any(axis=1).mean() == pytest.approx(share)


def places(folder: Path, content: str) -> list[list[int]]:
    path = folder / "places.csv"
    path.write_text(content)
    read = read_places(CandidatePlaces(path=path), len(USERS), len(ITEMS), PARTS.test, PARTS.test_targets)
    assert read.dtype == np.int32
    return read.tolist()


def test_places_are_counted_among_the_items_that_a_user_has_not(tmp_path: Path) -> None:
    # User 0 has items 0 to 2, the last of them the target; user 2 has 5 to 7; user 1 is for training only.
    assert places(tmp_path, "4,t,0\nanything\nt,4\n") == [[7, 2, 3], [7, 4, PAD]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("t,0\nt,0\n", "has 2 lines, and the data set 3 users; it is for others", id="other users"),
        pytest.param("t,0\n\nt,5\n", ":3: place '5' cannot be read: it should be t or a number below 5", id="too far"),
        pytest.param("t,-1\n\nt,0\n", ":1: place '-1' cannot be read", id="negative"),
        pytest.param("t,x\n\nt,0\n", ":1: place 'x' cannot be read", id="no number"),
        pytest.param("\n\nt,0\n", ":1: place '' cannot be read", id="empty line"),
    ],
)
def test_a_wrong_place_is_one_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(BenchError) as raised:
        places(tmp_path, content)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_of_places_counts_by_its_content(tmp_path: Path) -> None:
    for name, content in (("a", "t,0"), ("b", "t,0"), ("c", "t,1")):
        (tmp_path / name).write_text(content)
    one, same, other = (Protocol(candidates=CandidatePlaces(path=tmp_path / name)).hash for name in "abc")
    assert one == same != other
    assert "candidates from a" in Protocol(candidates=CandidatePlaces(path=tmp_path / "a")).describe()
