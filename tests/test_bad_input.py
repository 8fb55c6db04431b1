"""What a user can get wrong is answered in one line that says where, what was given and what would work."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from llmrec_bench.cli import main

Answer = tuple[int, list[str], str]

SUITE = """
datasets:
  events:
    source: interaction-table
    options: {{path: events.csv, time: time}}
    filters: [{filters}]
protocol: {{{protocol}}}
methods:
  popularity:
  item-knn:
metrics: [HR, NDCG]
seeds: [1]
"""


@pytest.fixture
def answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Exit status, lines of stderr and stdout of a run over a small table."""

    def call(table: str | None, protocol: str = "cutoffs: [2]", filters: str = "", command: str = "run") -> Answer:
        if table is not None:
            (tmp_path / "events.csv").write_text(table)
        suite = tmp_path / "small.yaml"
        suite.write_text(SUITE.format(protocol=protocol, filters=filters))
        options = ["--workers", "0"] if command == "run" else []
        with pytest.raises(SystemExit) as stop:
            main([command, str(suite), "--results", str(tmp_path / "results"), *options])
        out, errors = capsys.readouterr()
        assert "Traceback" not in out + errors
        return int(stop.value.code or 0), errors.splitlines(), out

    return call


def table(users: int = 12, events: int = 5, items: int = 8) -> str:
    rows = [f"u{u:02},i{(u + t * t) % items},{t}" for u in range(users) for t in range(events)]
    return "\n".join(["user,item,time", *rows])


def test_the_table_itself_is_fine(answer):
    status, _, out = answer(table())
    assert status == 0
    assert "2 of 2 trials finished" in out


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (None, ["events.csv: no such file"]),
        ("", ["events.csv", "empty"]),
        ("user,item,time\n", ["events.csv"]),
        (table().replace("item", "itme", 1), ["events.csv", "'item'", "itme"]),
        (table().replace("u03,i4,1", "u03,i4,noon"), ["events.csv", "noon", "18"]),
        (table(events=2), ["leave-one-out", "no test event"]),
    ],
    ids=["missing", "empty", "header-only", "wrong-column", "time-in-words", "two-events-each"],
)
def test_tables_that_cannot_be_used(answer, given, says):
    status, errors, _ = answer(given)
    assert status == 2
    assert len(errors) == 1
    assert errors[0].startswith("bench: ")
    assert "datasets.events" in errors[0]
    assert [word for word in says if word not in errors[0]] == []


@pytest.mark.parametrize(
    ("protocol", "says"),
    [
        ("cutoffs: [9]", ["cut-off 9", "8 candidates"]),
        ("cutoffs: [5], candidates: {kind: sampled, n: 3}", ["cut-off 5", "4 candidates"]),
        ("cutoffs: [2], candidates: {kind: sampled, n: 100}", ["100 negatives"]),
        ("cutoffs: [2], candidates: {kind: sampled, n: 100, mode: sasrec}", None),
        ("cutoffs: [2], candidates: {kind: file, path: nowhere.txt}", ["nowhere.txt"]),
        ("cutoffs: [2], split: {kind: ratio, train: 0.5, validation: 0.1, test: 0.1}", ["must be 1", "0.7"]),
    ],
    ids=["k-of-catalogue", "k-of-sample", "n-of-catalogue", "n-with-replacement", "no-file", "shares"],
)
def test_protocols_that_do_not_fit(answer, protocol, says):
    status, errors, _ = answer(table(), protocol)
    if says is None:  # draws with replacement are never too many
        assert status == 0
        return
    assert status == 2
    assert len(errors) == 1
    assert [word for word in says if word not in errors[0]] == []


def test_filters_that_leave_nothing(answer):
    status, errors, _ = answer(table(), filters="{filter: drop-duplicates}, {filter: k-core, users: 50}")
    assert status == 2
    assert len(errors) == 1
    assert "no interaction is left after k-core" in errors[0]
    status, errors, _ = answer(table(), filters="{filter: titled-items}")
    assert status == 2
    assert "no interaction is left after titled-items" in errors[0]


def test_users_with_one_item_only_train(answer, tmp_path):
    status, _, _ = answer(table() + "\nlone,i1,3")
    assert status == 0
    path = next(tmp_path.glob("results/small/trials/*/record.json"))
    record = json.loads(path.read_text())
    assert record["dataset"]["users"] == 13
    assert record["dataset"]["queries"] == 12


def test_items_unseen_in_training_are_ranked_and_measured(answer, tmp_path):
    rows = table() + "".join(f"\nu{u:02},new{u},9" for u in range(12))
    status, _, out = answer(rows)
    assert status == 0
    assert "2 of 2 trials finished" in out


def test_all_data_mistakes_come_together(tmp_path, capsys):
    (tmp_path / "two.yaml").write_text(
        "datasets:\n  a: {source: interaction-table, options: {path: a.csv}}\n"
        "  b: {source: sasrec-text, options: {path: b.txt}}\nmethods: {popularity: }\n"
    )
    with pytest.raises(SystemExit) as stop:
        main(["plan", str(tmp_path / "two.yaml")])
    errors = capsys.readouterr().err.splitlines()
    assert stop.value.code == 2
    assert len(errors) == 2
    assert "datasets.a" in errors[0]
    assert "datasets.b" in errors[1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["run", "{suite}", "--only", "popularty"], "did you mean 'popularity'?"),
        (["run", "{suite}", "--seeds", "one"], "'one' is not a list of whole numbers"),
        (["run", "{suite}", "--seeds", "1,1"], "different numbers"),
        (["run", "{suite}", "--device", "tpu"], "--device tpu: should be cpu, cuda or cuda:N"),
        (["run", "{suite}", "--workers", "-1"], "-1"),
        (["plan", "{suite}", "--profile", "full"], "there is no profile 'full'"),
        (["describe", "sasrek"], "did you mean 'sasrec'?"),
        (["list", "method"], "'method' is not one of"),
        (["data", "describe", "movielens-100"], "did you mean 'movielens-100k'?"),
        (["data", "describe", "movielens-100k", "--filters", "[{filter: k-cor}]"], "k-cor"),
        (["runn"], "No such command 'runn'"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_mistakes_on_the_command_line(tmp_path, capsys, arguments, says):
    (tmp_path / "events.csv").write_text(table())
    (tmp_path / "small.yaml").write_text(SUITE.format(protocol="cutoffs: [2]", filters=""))
    with pytest.raises(SystemExit) as stop:
        main([a.replace("{suite}", str(tmp_path / "small.yaml")) for a in arguments])
    out, errors = capsys.readouterr()
    assert stop.value.code == 2
    assert says in errors
    assert "Traceback" not in out + errors


def test_a_reader_that_stops_reading(tmp_path):
    """`bench list metrics | head -1` is no error."""
    command = f"{sys.executable} -m llmrec_bench.cli schema | head -c 10"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == ""


@pytest.mark.parametrize("command", ["list methods", "describe HR"])
def test_an_output_that_takes_nothing(tmp_path, command):
    call = f"{sys.executable} -m llmrec_bench.cli {command}"
    closed = subprocess.run(["bash", "-c", f"{call} >&-"], capture_output=True, text=True, cwd=tmp_path)
    assert (closed.returncode, closed.stderr) == (0, "")
    full = subprocess.run(["bash", "-c", f"{call} >/dev/full"], capture_output=True, text=True, cwd=tmp_path)
    assert (full.returncode, full.stderr) == (2, "bench: cannot print: No space left on device\n")
