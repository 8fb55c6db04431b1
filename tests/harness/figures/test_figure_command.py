"""`bench figure` and the figures of `bench run`, with a real shop, real training and a simulated teacher."""

import contextlib
import csv
import io
import json

import pytest

from llmrec_bench.cli import main

SUITE = """
datasets: {shop: {source: synthetic-shop, options: {users: 60, items: 200}}}
protocol: {cutoffs: [5, 10]}
methods:
  popularity:
  ease: {grid: {regularisation: [1, 10]}}
  slim:
    method: slim-gru4rec
    config:
      width: 8
      epochs: 2
      share_fusion: false
      item_text: {encoder: {kind: tfidf}}
      user_text:
        texts: {kind: teacher, domain: products, writer: {provider: simulated}}
        encoder: {kind: tfidf}
seeds: [1]
metrics: [HR, NDCG]
figures:
  sparsity: {kind: activity, title: By activity, metric: HR@10, methods: [popularity, ease]}
  popularity: {kind: popularity, bins: 4}
  cases: {kind: cases, cutoff: 10, methods: [popularity, ease, slim], users: 3}
  gains: {kind: differences, metric: NDCG@10, pairs: [[ease, popularity], [slim, popularity]]}
profiles:
  few: {figures: {sparsity: {kind: activity, metric: HR@10, groups: 2}}}
"""


def bench(*arguments):
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors), pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return stop.value.code, out.getvalue(), errors.getvalue()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    (folder / "small.yaml").write_text(SUITE)
    options = (folder / "small.yaml", "--results", folder / "results")
    code, out, errors = bench("run", *options, "--workers", "0")
    assert code == 0, errors
    return options, out


def test_a_run_prints_figures_after_tables(finished):
    options, out = finished
    places = [
        out.index(f"{title}: shop (simulated data)")
        for title in ("main", "By activity", "popularity", "cases", "gains")
    ]
    assert places == sorted(places)
    code, shown, _ = bench("figure", *options)
    assert code == 0
    assert shown.strip() in out


def test_groups_average_to_the_table(finished):
    options, _ = finished
    _, out, _ = bench("figure", *options, "--figure", "sparsity", "--format", "json")
    [figure] = json.loads(out)
    _, out, _ = bench("table", *options, "--format", "json")
    means = {row["method"]: row["cells"] for row in json.loads(out)[0]["rows"]}
    assert [line["method"] for line in figure["lines"]] == [
        "popularity", "ease[regularisation=1]", "ease[regularisation=10]"
    ]  # fmt: skip
    assert [part["size"] for part in figure["parts"]] == [12] * 5
    for line in figure["lines"]:
        mean = sum(cell["mean"] for cell in line["cells"]) / 5
        assert mean == pytest.approx(means[line["method"]][0]["mean"])


def test_shares_sum_to_one(finished):
    _, out, _ = bench("figure", *finished[0], "--figure", "popularity", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    for label in {row["row"] for row in rows}:
        assert sum(float(row["mean"]) for row in rows if row["row"] == label) == pytest.approx(1)
    first = {row["row"]: float(row["mean"]) for row in rows if row["part"] == "B1"}
    assert first["popularity"] > first["ease[regularisation=10]"]
    assert {row["simulated"] for row in rows} == {"True"}


def test_cases_show_what_the_teacher_wrote(finished):
    _, out, _ = bench("figure", *finished[0], "--figure", "cases", "--format", "json")
    [figure] = json.loads(out)
    assert 0 < len(figure["cases"]) == min(3, figure["gained"])
    for case in figure["cases"]:
        first, *_, last = case["lists"]
        assert (first["method"], first["place"], last["method"]) == ("popularity", None, "slim")
        assert 1 <= last["place"] <= 10
        [text] = case["texts"]
        assert text["stage"].startswith("teacher-rationales ")
        assert text["text"].startswith("Step 1: ")
        assert text["simulated"] and last["simulated"]  # noqa: PT018


def test_differences_are_those_of_the_table(finished):
    options, _ = finished
    _, out, _ = bench("figure", *options, "--figure", "gains", "--format", "json")
    [figure] = json.loads(out)
    _, out, _ = bench("table", *options, "--format", "json")
    [table] = json.loads(out)
    means = {row["method"]: row["cells"][table["columns"].index("NDCG@10")]["mean"] for row in table["rows"]}
    assert [row["first"] for row in figure["rows"]] == ["ease[regularisation=1]", "ease[regularisation=10]", "slim"]
    assert figure["family"] == 3
    for row in figure["rows"]:
        assert row["mean"] == pytest.approx(means[row["first"]] - means["popularity"])
        assert row["low"] < row["mean"] < row["high"]
        assert row["p"] <= row["p_corrected"]
        assert row["simulated"] == (["slim"] if row["first"] == "slim" else [])


def test_profiles_and_machines(finished):
    options, _ = finished
    _, out, _ = bench("figure", *options, "--profile", "few", "--format", "markdown")
    assert "| G2 |" in out.replace("  ", "")
    assert "G3" not in out
    code, out, _ = bench("run", *options, "--workers", "0", "--json")
    assert code == 0
    assert [figure["name"] for figure in json.loads(out)["figures"]] == ["sparsity", "popularity", "cases", "gains"]


def test_a_figure_that_is_not_there(finished, tmp_path):
    options, _ = finished
    code, _, errors = bench("figure", *options, "--figure", "sparsty")
    assert (code, errors) == (
        2,
        f"bench: --figure sparsty: {options[0]} has no such figure; did you mean 'sparsity'?\n",
    )
    path = tmp_path / "plain.yaml"
    path.write_text(SUITE[: SUITE.index("figures:")])
    code, _, errors = bench("figure", path, "--results", tmp_path)
    assert (code, errors) == (2, f"bench: {path}: has no figures; a section `figures:` would ask for some\n")
