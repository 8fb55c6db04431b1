"""Scores read from files, by hand on the `tiny` data: users u0 to u3, items i0 to i4."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmrec_bench import BenchError
from llmrec_bench_plugins.run_files.forms import form_of
from llmrec_bench_plugins.run_files.method import RunFile

N = np.nan
SCORES = [[N, 0.5, N, 2, N], [N, N, N, N, N], [-1, N, 0.5, N, 0.5]]
"""Of users u0 to u2 in each of the files below that have scores."""
CSV = "user,item,score\nu0,i3,2\nu0,i1,0.5\nu2,i4,0.5\nu2,i2,0.5\nu2,i0,-1\n"
TREC = "u0 Q0 i3 1 2 x\nu0 Q0 i1 2 0.5 x\nu2 Q0 i4 1 0.5 x\nu2 Q0 i2 2 0.5 x\nu2 Q0 i0 3 -1 x\n"
RECBOLE = CSV.replace("user,item,score", "user_id:token,item_id:token,score:float").replace(",", "\t")


@pytest.fixture
def write(tmp_path):
    """Writes a file of the test's folder, gzipped where its name says so, and gives its path."""

    def write_text(text: str, name: str = "theirs.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write_text


@pytest.fixture
def fit(tiny, make_run):
    """The method fitted on the `tiny` data, and what it logged."""

    def fit_file(path: Path, **options) -> tuple[RunFile, list[str]]:
        log: list[str] = []
        method = RunFile(RunFile.Config(path=path, **options))
        method.fit(tiny, make_run(tiny, log=log.append))
        return method, log

    return fit_file


@pytest.mark.parametrize(
    ("name", "text", "form"),
    [
        ("theirs.csv", CSV, "csv"),
        ("theirs.csv.gz", CSV, "csv"),
        ("zipped", CSV, "csv"),
        ("theirs.tsv", CSV.replace(",", "\t"), "csv"),
        ("theirs.csv", CSV.replace("\n", "\r\n"), "csv"),
        ("theirs.csv", "\ufeff" + CSV, "csv"),
        ("more.csv", "rating,score,item,user\n1,2,i3,u0\n,0.5,i1,u0\n5,.5,i4,u2\n5,5e-1,i2,u2\n,-1,i0,u2", "csv"),
        ("quoted.csv", CSV.replace("u0,i3,2", '"u0","i3","2"'), "csv"),
        ("theirs.run", TREC, "trec"),
        ("theirs.run.gz", TREC, "trec"),
        ("tabs.run", TREC.replace(" ", "\t"), "trec"),
        ("wide.run", "\n" + TREC.replace(" Q0 ", "  0   "), "trec"),
        ("theirs.inter", RECBOLE, "recbole"),
        ("theirs.inter.gz", RECBOLE, "recbole"),
    ],
)
def test_every_form_gives_the_same_scores(write, fit, make_queries, name, text, form):
    path = write(text, name)
    if name == "zipped":
        path.write_bytes(gzip.compress(text.encode()))
    assert form_of(path) == form
    for options in ({}, {"form": form}):
        method, _ = fit(path, **options)
        queries = make_queries([[], [], []])
        np.testing.assert_array_equal(method.score(queries), np.array(SCORES, dtype=np.float32))


@pytest.mark.parametrize(
    "text",
    [
        "user,item,rank\nu0,i3,1\nu0,i1,2\n",
        "user_id:token\titem_id:token\trank:float\nu0\ti3\t1\nu0\ti1\t2\n",
        "user_id:token\titem_id:token\trank:token\nu0\ti3\t1.0\nu0\ti1\t2.0\n",
    ],
)
def test_a_rank_scores_minus_the_rank(write, fit, make_queries, text):
    method, _ = fit(write(text))
    np.testing.assert_array_equal(method.score(make_queries([[]])), [[N, -2, N, -1, N]])


def test_equal_ranks_are_ties(write, fit, make_queries):
    method, _ = fit(write("user,item,rank\nu0,i3,1\nu0,i1,2\nu0,i0,2\n"))
    np.testing.assert_array_equal(method.score(make_queries([[]])), [[-2, -2, N, -1, N]])
    assert method.listed.remarks == []


def test_ranks_may_start_at_zero(write, fit, make_queries):
    method, _ = fit(write("user,item,rank\nu0,i3,0\nu0,i1,1\n"))
    np.testing.assert_array_equal(method.score(make_queries([[]])), [[N, -1, N, 0, N]])


def test_candidates_are_scored_by_what_the_file_says_of_their_user(write, fit, make_queries):
    method, _ = fit(write(CSV))
    scores = method.score(make_queries([[], [], []], [[4, 0, 2], [1, 3, -1], [3, 4, 1]], users=[2, 0, 3]))
    np.testing.assert_array_equal(scores[[0, 2]], [[0.5, -1, 0.5], [N, N, N]])
    np.testing.assert_array_equal(scores[1, :2], [0.5, 2])


FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
LISTED = st.dictionaries(st.tuples(st.integers(0, 3), st.integers(0, 4)), FLOATS, min_size=1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # nothing writes into them
@given(LISTED, st.randoms())
def test_what_is_written_is_what_is_scored(tmp_path_factory, tiny, make_run, make_queries, listed, chance):
    pairs = list(listed)
    chance.shuffle(pairs)
    path = tmp_path_factory.mktemp("run") / "run.csv"
    path.write_text("\n".join(["user,item,score", *(f"u{u},i{i},{listed[u, i]!r}" for u, i in pairs)]))
    method = RunFile(RunFile.Config(path=path))
    method.fit(tiny, make_run(tiny, log=lambda line: None))
    expected = [[listed.get((user, item), N) for item in range(5)] for user in range(4)]
    full = method.score(make_queries([[]] * 4))
    np.testing.assert_array_equal(full, np.array(expected, dtype=np.float32))
    offered = np.tile(np.arange(5)[::-1], (4, 1))
    np.testing.assert_array_equal(method.score(make_queries([[]] * 4, offered)), full[:, ::-1])


MISTAKES = {
    "empty": ("", "the file is empty"),
    "blank": ("\n\n", "the file is empty"),
    "header only": ("user,item,score\n", "there is no line below the header"),
    "no form": (
        "u0 i3 2\n",
        "line 1: the form is not plain to see ('u0 i3 2'); say that it is `form: csv`, trec or recbole",
    ),
    "no user": ("users,item,score\n", "no column 'user'; did you mean 'users'? (columns: users, item, score)"),
    "no item": ("user,id,score\n", "no column 'item' (columns: user, id, score)"),
    "no score": ("user,item,scores\n", "no column 'score'; did you mean 'scores'? (columns: user, item, scores)"),
    "two scores": ("user,item,score,score\n", "column 'score' is there 2 times; rename all but one"),
    "no field": (CSV + "u1,i1\n", "line 7: 2 fields where 3 are expected ('u1 i1')"),
    "no token": (CSV + "u1,,1\n", "line 7: column 'item' is empty"),
    "a word": (CSV + "\nu1,i1,high\n", "line 8: column 'score' is not a number ('high')"),
    "nan": (CSV + "u1,i1,nan\n", "line 7: column 'score' is not a number ('nan')"),
    "infinite": (CSV + "u1,i1,-inf\n", "line 7: column 'score' is not a number ('-inf')"),
    "no score given": (CSV + "u1,i1,\n", "line 7: column 'score' is not a number ('')"),
    "too large": (CSV + "u1,i1,-1e39\n", "line 7: the score -1e+39 is too large for float32"),
    "half a rank": ("user,item,rank\nu1,i1,1.5\n", "line 2: the rank 1.5 is no whole number from 0 on"),
    "rank below 0": ("user,item,rank\nu1,i1,-1\n", "line 2: the rank -1 is no whole number from 0 on"),
    "twice": (CSV + "\nu1,i1,3\nu0,i1,7\nu1,i1,3\n", "line 9: user 'u0' has the item 'i1' already, on line 3"),
    "trec words": (TREC + "u1 Q0 i1 1 1\n", "line 6: 5 words where 6 are expected (user Q0 item rank score tag)"),
    "trec score": (TREC + "\nu1 Q0 i1 1 one x\n", "line 7: the score is not a number ('one')"),
    "trec infinite": (TREC + "u1 Q0 i1 1 inf x\n", "line 6: the score is not a number ('inf')"),
    "trec rank": (TREC + "u1 Q0 i1 first 1 x\n", "line 6: the rank is not a number ('first')"),
    "trec twice": (TREC + "u2 Q0 i2 9 1 x\n", "line 6: user 'u2' has the item 'i2' already, on line 4"),
    "recbole column": (
        RECBOLE.replace("item_id", "item"),
        "no column 'item_id'; did you mean 'item'? (columns: user_id, item, score)",
    ),
    "recbole score": (RECBOLE + "u1\ti1\t?\n", "line 7: column 'score:float' is not a number ('?')"),
    "a user": (
        CSV + "u9,i1,1\nu9,i2,1\nu8,i2,1\nu1,i77,1\n",
        "line 7: user 'u9' is not in the data set; `unknown: drop` would leave out 4 of 9 lines (unknown "
        "users: 2, unknown items: 1)",
    ),
    "an item": (
        TREC + "u1 Q0 9 1 1 x\n",
        "line 6: item '9' is not in the data set; `unknown: drop` would leave out 1 of 6 lines (unknown "
        "users: 0, unknown items: 1)",
    ),
    "nobody": (
        "user,item,score\nu0,0,1\n0,i1,1\n",
        "line 2: item '0' is not in the data set, and no line has both from there (users like 'u0', items like 'i0')",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "says"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_with_its_place(write, fit, text, says):
    path = write(text)
    with pytest.raises(BenchError) as caught:
        fit(path)
    assert str(caught.value) == f"{path}: {says}"


def test_a_file_that_is_not_there_or_no_file(write, fit, tmp_path):
    write(CSV)
    with pytest.raises(BenchError, match=r"their\.csv: no such file or folder; did you mean 'theirs\.csv'\?$"):
        fit(tmp_path / "their.csv")
    with pytest.raises(BenchError, match=r": is a folder; give the path of a file$"):
        fit(tmp_path, form="csv")
    with pytest.raises(BenchError, match="the environment variable NOWHERE_TO_BE_FOUND is not set"):
        fit(Path("$NOWHERE_TO_BE_FOUND/theirs.csv"))


def test_a_file_in_another_form_than_said(write, fit):
    path = write(CSV)
    with pytest.raises(BenchError) as caught:
        fit(path, form="trec")
    assert str(caught.value) == f"{path}: line 1: 1 words where 6 are expected (user Q0 item rank score tag)"


def test_unknown_tokens_are_dropped_and_counted_where_asked(write, fit, make_queries):
    method, log = fit(write(CSV + "u9,i1,1\nu9,i2,1\nu8,i2,1\nu1,i77,1\n"), unknown="drop")
    np.testing.assert_array_equal(method.score(make_queries([[]] * 3)), np.array(SCORES, dtype=np.float32))
    count = "left out 4 of 9 lines (unknown users: 2, unknown items: 1)"
    assert log[1:] == [f"theirs.csv: {count}"]
    assert count in method.remarks


def test_dropping_leaves_something(write, fit):
    path = write("user,item,score\nu9,i0,1\n")
    with pytest.raises(BenchError, match="user 'u9' is not in the data set, and no line has both"):
        fit(path, unknown="drop")


def test_a_reader_is_told_where_scores_come_from_and_who_has_none(write, fit, make_queries):
    method, log = fit(write(CSV))
    assert log[0].startswith("theirs.csv: 5 scores read as csv, sha256 ")
    method.score(make_queries([[], []], users=[3, 0]))
    method.score(make_queries([[]], users=[2]))
    assert method.remarks == [
        "scores from a file made elsewhere (lists of 2 to 3 items); what they were learned from and cost is unknown",
        "the file has no line for 1 of 3 users of the test, whose targets are misses",
    ]
    method, _ = fit(write(CSV))
    method.score(make_queries([[]], users=[1]))
    assert method.remarks[0].startswith("scores from a file made elsewhere (lists of no items);")


def test_a_reader_is_told_where_ranks_say_something_else(write, fit):
    method, _ = fit(write(TREC.replace("u0 Q0 i1 2 0.5", "u0 Q0 i1 2 2.5"), "theirs.run"))
    [told] = method.listed.remarks  # steps: u0 2 -> 2.5; u2 0.5 -> 0.5 -> -1
    assert told == (
        "scores count, not ranks: of 3 steps down its lists 1 lead to a higher score and 1 to an equal one, a tie"
    )
    agreeing = "u0 Q0 i1 2 0.5 x\nu0 Q0 i3 1 2 x\nu2 Q0 i1 1 9 x\n"
    assert fit(write(agreeing, "agreeing.run"))[0].listed.remarks == []


def test_what_the_file_holds_is_its_identity_and_where_it_lies_is_not(write, tmp_path, monkeypatch):
    def identity(path: Path, **options):
        return RunFile.Config(path=path, **options).identity()

    first = identity(write(CSV))
    assert identity(write(CSV, "moved.csv")) == first
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNS", str(tmp_path))
    assert identity(Path("moved.csv")) == identity(Path("$RUNS/theirs.csv")) == first
    assert identity(tmp_path / "moved.csv", form="csv") == first
    assert identity(tmp_path / "moved.csv", unknown="drop") != first
    assert identity(write(CSV.replace("-1", "-2"))) != first


def test_a_seed_has_its_file_or_the_first_has_the_one(tmp_path):
    one = RunFile.Config(path=tmp_path / "run.csv")
    assert one.by_seed([5, 6]) == {5: one}
    each = RunFile.Config(path=tmp_path / "{seed}/run-{seed}.csv", unknown="drop")
    assert each.by_seed([5, 6]) == {
        seed: RunFile.Config(path=tmp_path / f"{seed}/run-{seed}.csv", unknown="drop") for seed in (5, 6)
    }
