"""Run files of others beside a suite's own methods: our own scores come back as they went, and a row is a row."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from llmrec_bench import Store, load_catalog, load_suite, make_plan, run_plan
from llmrec_bench.cli import main
from llmrec_bench.execute.trial import Loader

CATALOG = load_catalog()

SHOP = """
datasets:
  shop: {source: synthetic-shop, options: {users: 150, items: 200}}
protocol: {cutoffs: [1, 10]}
methods:
  popularity:
  random:
seeds: [3, 4]
metrics: [HR, NDCG, MRR, EPC, ItemCoverage]
"""
FORMS = {
    "csv": ("theirs.csv", "user,item,score", "{user},{item},{score!r}"),
    "trec": ("theirs.run", None, "{user} Q0 {item} {place} {score!r} ours"),
    "recbole": ("theirs.inter", "user_id:token\titem_id:token\tscore:float", "{user}\t{item}\t{score!r}"),
}


class Folder:
    """A folder with suites, files and results, and `bench` in this process."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path, self._capsys = path, capsys

    def write(self, name: str, text: str) -> Path:
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def bench(self, *words: object) -> tuple[int, str, str]:
        """Exit status, what was printed, and what was complained of."""
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([*map(str, words), "--results", str(self.path / "results")])
        printed = self._capsys.readouterr()
        assert isinstance(stop.value.code, int)
        return stop.value.code, printed.out, printed.err

    def mistake(self, *words: object) -> str:
        """The one line that ends `bench import`."""
        status, printed, complaint = self.bench("import", *words)
        assert (status, printed) == (2, "")
        [line] = [line for line in complaint.splitlines() if line.startswith("bench: ")]
        return line.removeprefix("bench: ")

    def records(self, label: str) -> list[dict]:
        found = [json.loads(path.read_text()) for path in self.path.glob("results/*/trials/*/record.json")]
        return sorted((r for r in found if r["method"]["label"] == label), key=lambda record: record["seed"])


@pytest.fixture
def folder(tmp_path, capsys):
    return Folder(tmp_path, capsys)


def ids(suite: Path) -> dict[tuple[str, int], str]:
    return {(t.method.label, t.seed): t.id for t in make_plan(load_suite(suite, CATALOG)).trials}


@pytest.mark.parametrize("candidates", ["{kind: full}", "{kind: sampled, n: 20}"])
def test_our_own_scores_come_back_as_they_went(folder, candidates):
    suite = folder.write("shop.yaml", SHOP.replace("cutoffs", f"candidates: {candidates}, cutoffs"))
    plan = make_plan(load_suite(suite, CATALOG), ["popularity"], [3])
    store = Store(folder.path / "results", "shop")
    [own] = run_plan(plan, CATALOG, store)
    data = Loader().load(plan.trials[0], store)
    counts = data.training.item_counts()
    assert len(np.unique(counts)) < len(counts)  # there are ties, and they have to come back as ties
    users, items = data.dataset.users[data.test.users], data.dataset.items["token"]
    order = np.argsort(-counts, kind="stable")
    for form, (name, header, line) in FORMS.items():
        lines = [
            line.format(user=user, item=items[code], place=place, score=float(counts[code]))
            for user in users
            for place, code in enumerate(order, start=1)
        ]
        file = folder.write(name, "\n".join([*([header] if header else []), *lines]))
        assert folder.bench("import", file, suite, "--label", form)[0] == 0
        [record] = folder.records(form)
        assert (record["seed"], record["metrics"]) == (3, own.record.metrics)
        assert (record["chance"], record["protocol"]) == (own.record.chance, own.record.model_dump()["protocol"])
        for table in ("top_lists", "ranks", "per_user"):
            paths = [store.trials / trial / f"{table}.parquet" for trial in (record["id"], own.trial.id)]
            theirs, ours = map(pd.read_parquet, paths)
            pd.testing.assert_frame_equal(theirs, ours)


def test_top_lists_come_back_by_their_ranks(folder):
    suite = folder.write("shop.yaml", SHOP)
    plan = make_plan(load_suite(suite, CATALOG), ["random"], [3])  # hardly ties
    [own] = run_plan(plan, CATALOG, Store(folder.path / "results", "shop"))
    lists = pd.read_parquet(folder.path / "results/shop/trials" / own.trial.id / "top_lists.parquet")
    lists.to_csv(folder.path / "lists.csv", index=False)
    assert folder.bench("import", folder.path / "lists.csv", suite)[0] == 0
    [record] = folder.records("lists")
    assert record["metrics"] == own.record.metrics
    assert record["remarks"] == [
        "scores from a file made elsewhere (lists of 10 items); what they were learned from and cost is unknown"
    ]


EVENTS = "user,item,timestamp\n" + "".join(
    f"{user},{item},{time}\n"
    for user, items in {"ann": "xyz", "bob": "yzx", "cy": "zxy", "dee": "xyw"}.items()
    for time, item in enumerate(items)
)
SMALL = """
datasets:
  small: {source: interaction-table, options: {path: events.csv}}
protocol: {cutoffs: [1, 2]}
methods: {constant: }
seeds: [1, 2]
metrics: [HR, NDCG]
tables:
  main: {metrics: [HR@1, HR@2, NDCG@2], methods: [constant]}
"""
THEIRS = "user,item,rank\nann,x,1\nann,z,2\nbob,w,1\nbob,x,2\ncy,w,1\n"


@pytest.fixture
def small(folder):
    """Targets: z of ann, x of bob, y of cy and w of dee."""
    folder.write("events.csv", EVENTS)
    return folder.write("small.yaml", SMALL)


def test_a_small_case_by_hand(folder, small):
    file = folder.write("theirs.csv", THEIRS)
    status, printed, _ = folder.bench("import", file, small, "--format", "markdown")
    assert status == 0
    # ann has seen x, so that z is first; x of bob is second; y of cy has no score, and dee no list.
    [record] = folder.records("theirs")
    assert record["metrics"] == pytest.approx(
        {"HR@1": 1 / 4, "HR@2": 2 / 4, "NDCG@1": 1 / 4, "NDCG@2": (1 + 1 / np.log2(3)) / 4}
    )
    rows = [line for line in printed.splitlines() if line.startswith("|")]
    assert [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:4]] == [
        ["constant", "default", "not run", "not run", "not run"],
        ["theirs", "own", "0.2500 ≈", "0.5000 ≈", "0.4077 ≈"],
    ]
    notes = [line for line in printed.splitlines() if line.startswith("- theirs: ")]
    assert notes == [
        "- theirs: scores from a file made elsewhere (lists of 1 to 2 items); what they were learned from and cost is "
        "unknown.",
        "- theirs: the file has no line for 1 of 4 users of the test, whose targets are misses.",
    ]
    assert "- Not run yet: 2 of 3 trials." in printed.splitlines()
    assert [record["seed"], record["log"][0][:38]] == [1, "theirs.csv: 5 scores read as csv, sha2"]


def test_the_printed_lines_keep_the_row(folder, small):
    file = folder.write("runs/theirs.csv", THEIRS)
    status, printed, _ = folder.bench("import", file, small, "--label", "Theirs: best", "--unknown", "drop")
    assert status == 0
    kept = yaml.safe_load(printed[printed.index("# To keep the row") :])
    assert kept == {
        "methods": {"Theirs: best": {"method": "run-file", "config": {"path": "runs/theirs.csv", "unknown": "drop"}}}
    }
    lines = printed[printed.index("methods:\n") + len("methods:\n") :]
    small.write_text(SMALL.replace("methods: {constant: }\n", f"methods:\n  constant:\n{lines}"))
    [record] = folder.records("Theirs: best")
    assert ids(small) == {**ids(folder.write("plain.yaml", SMALL)), ("Theirs: best", 1): record["id"]}
    assert "has a method 'Theirs: best' already" in folder.mistake(file, small, "--label", "Theirs: best")
    says = folder.mistake(file, small, "--unknown", "drop")
    assert says == f"{small}: has this run as 'Theirs: best', which bench run scores"
    status, printed, complaint = folder.bench("run", small, "--workers", 0)
    assert (status, "[3/3]" in complaint) == (0, True)
    assert "theirs" not in complaint.lower()  # its trial is finished


def test_content_makes_an_id_and_place_does_not(folder, small):
    folder.write("theirs.csv", THEIRS)
    row = "{constant: , theirs: {method: run-file, config: {path: theirs.csv}}}"
    suite = folder.write("kept.yaml", SMALL.replace("{constant: }", row))
    first = ids(suite)
    assert set(first) == {("constant", 1), ("constant", 2), ("theirs", 1)}
    shutil.move(folder.path / "theirs.csv", folder.write("elsewhere/was.csv", ""))
    assert "theirs.csv: no such file or folder" in folder.bench("plan", suite)[2]
    suite.write_text(suite.read_text().replace("path: theirs.csv", "path: elsewhere/was.csv"))
    assert ids(suite) == first
    folder.write("elsewhere/was.csv", THEIRS.replace("ann,z,2", "ann,z,3"))
    changed = ids(suite)
    assert changed.pop(("theirs", 1)) != first.pop(("theirs", 1))
    assert changed == first


def test_a_seed_may_have_its_own_file(folder, small):
    for seed, text in ((1, THEIRS), (2, THEIRS.replace("cy,w,1", "cy,y,1"))):
        folder.write(f"theirs-{seed}.csv", text)
    status, printed, _ = folder.bench("import", folder.path / "theirs-{seed}.csv", small)
    assert status == 0
    assert [r["metrics"]["HR@1"] for r in folder.records("theirs")] == [1 / 4, 2 / 4]
    assert "path: 'theirs-{seed}.csv'" in printed
    folder.write("more.yaml", SMALL.replace("seeds: [1, 2]", "seeds: [1, 2, 5]"))
    says = folder.mistake(folder.path / "theirs-{seed}.csv", folder.path / "more.yaml")
    assert says.startswith(f"{folder.path / 'more.yaml'}: methods.theirs: {folder.path / 'theirs-5.csv'}: no such file")
    assert folder.bench("import", folder.path / "theirs-{seed}.csv", folder.path / "more.yaml", "--seeds", "2")[0] == 0


def test_several_data_sets_need_a_choice(folder, small):
    file = folder.write("theirs.csv", THEIRS)
    more = "datasets:\n  shop: {source: synthetic-shop, options: {users: 60, items: 200}}"
    suite = folder.write("two.yaml", SMALL.replace("datasets:", more))
    assert folder.mistake(file, suite) == f"{suite}: has several data sets (shop, small); say which one with --dataset"
    assert folder.mistake(file, suite, "--dataset", "smal") == (
        f"--dataset smal: {suite} has no such data set; did you mean 'small'?"
    )
    status, printed, lines = folder.bench("import", file, suite, "--dataset", "small", "--format", "csv")
    assert status == 0
    assert {line.split(",")[1] for line in printed.splitlines()[1:]} == {"small"}
    assert yaml.safe_load(lines[lines.index("# To keep the row") :])["methods"]["theirs"]["datasets"] == ["small"]


def test_mistakes_are_one_line(folder, small):
    file = folder.write("theirs.csv", THEIRS + "eve,x,1\n")
    lacking = folder.path / "their.csv"
    assert folder.mistake(lacking, small) == (
        f"{small}: methods.their: {lacking}: no such file or folder; did you mean 'theirs.csv'?"
    )
    assert folder.mistake(file, small) == (
        f"{file}: line 7: user 'eve' is not in the data set; `unknown: drop` would leave out 1 of 6 lines (unknown "
        "users: 1, unknown items: 0)"
    )
    assert folder.mistake(file, small, "--form", "trek") == (
        "--form: should be 'csv', 'trec' or 'recbole' (given \"trek\"); did you mean 'trec'?"
    )
    assert folder.mistake(file, small, "--unknown", "keep") == (
        "--unknown: should be 'refuse' or 'drop' (given \"keep\")"
    )
    assert "--label: " in folder.mistake(file, small, "--label", "a\nb")
    assert "--label: " in folder.mistake(file, small, "--label", "")
    assert folder.mistake(file, small, "--label", "constant") == (
        f"{small}: has a method 'constant' already; choose another name with --label"
    )
    status, _, _ = folder.bench("import", file, small, "--unknown", "drop")
    assert status == 0
    [record] = [r for r in folder.records("theirs") if r["status"] == "finished"]
    assert record["log"][1] == ("theirs.csv: left out 1 of 6 lines (unknown users: 1, unknown items: 0)")


def test_a_run_under_another_label_is_told_by_it(folder, small):
    file = folder.write("theirs.csv", THEIRS)
    folder.bench("import", file, small)
    _, printed, complaint = folder.bench("import", file, small, "--label", "new name", "--format", "markdown")
    assert "[1/1]" not in complaint  # it is the same trial
    assert "- new name: scores from a file made elsewhere" in printed
    lines = "{constant: , new name: {method: run-file, config: {path: theirs.csv}}}"
    small.write_text(SMALL.replace("{constant: }", lines))
    _, printed, _ = folder.bench("table", small, "--table", "cost", "--format", "markdown")
    assert "- new name: scores from a file made elsewhere" in printed


def test_a_metric_added_later_keeps_the_remarks(folder, small):
    file = folder.write("theirs.csv", THEIRS)
    folder.bench("import", file, small)
    [before] = folder.records("theirs")
    small.write_text(SMALL.replace("[HR, NDCG]", "[HR, NDCG, MRR]"))
    assert folder.bench("import", file, small)[0] == 0
    [after] = folder.records("theirs")
    assert "MRR@2" in after["metrics"]
    assert after["remarks"] == before["remarks"] != []


def test_a_catalog_without_the_method_says_so(folder, small):
    from dataclasses import replace

    from llmrec_bench.errors import BenchError
    from llmrec_bench.imported_run import import_run

    suite = load_suite(small, CATALOG)
    poor = replace(CATALOG, methods={"popularity": CATALOG.methods["popularity"]})
    with pytest.raises(BenchError, match="unknown method 'run-file'"):
        import_run(suite, poor, Path("theirs.csv"))
    assert import_run(suite, CATALOG, Path("theirs.tsv.gz")).row.label == "theirs"
