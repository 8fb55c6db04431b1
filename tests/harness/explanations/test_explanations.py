"""Explanations through the whole path: asked after the rankings, stored beside the record, measured, compared, printed,
and measured again without a fit."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

WORKED = {
    # "the battery life is great" twice, "the Lamp is great" and nothing: 14 words, as many as leave no penalty.
    "BLEU-1": 6 / 14,
    "BLEU-4": (6 / 14 * 3 / 11 * 1 / 8 * 1 / 10) ** 0.25,
    "ROUGE-1": (6 / 9 + 6 / 9 + 2 / 7 + 0) / 4,
    "ROUGE-2": (4 / 7 + 2 / 7 + 0 + 0) / 4,
    "ROUGE-L": (6 / 9 + 6 / 9 + 2 / 7 + 0) / 4,
    "USR": 3 / 4,
    "FeatureCoverage": 2 / 3,
    "FeatureDiversity": 1 / 6,
    "FeatureMatch": 2 / 3,
    "Length": 14 / 4,
}


def test_every_metric_worked_by_hand(told: Any) -> None:
    records = told.records()
    for seed in (1, 2):
        metrics = records["template", seed]["metrics"]
        assert metrics.pop("HR@1") is not None
        assert metrics == {name: pytest.approx(value, abs=1e-12) for name, value in WORKED.items()}
        assert {name: value for name, value in records["popularity", seed]["metrics"].items() if name != "HR@1"} == (
            dict.fromkeys(WORKED)
        )
        assert records["template", seed]["chance"]["BLEU-4"] is None
        assert records["template", seed]["explanations"] == 4
        assert records["popularity", seed]["explanations"] is None


def test_the_texts_lie_beside_the_record(told: Any) -> None:
    assert told.texts("template").to_dict("records") == [
        {"user": "ann", "item": "i1", "text": "the battery life is great", "reference": "battery life is short",
         "feature": "battery life"},
        {"user": "bob", "item": "i2", "text": "the battery life is great", "reference": "the screen is great",
         "feature": "screen"},
        {"user": "cy", "item": "i3", "text": "the Lamp is great", "reference": "a red lamp", "feature": "Lamp"},
        {"user": "di", "item": "i4", "text": "", "reference": "works fine", "feature": ""},
    ]  # fmt: skip
    silent = told.trials / told.records()["popularity", 1]["id"]
    assert not (silent / "explanations.parquet").exists()


def test_values_of_users_stand_with_those_of_rankings(told: Any) -> None:
    folder = told.trials / told.records()["template", 1]["id"]
    table = pd.read_parquet(folder / "per_user.parquet").set_index("user")
    np.testing.assert_array_equal(table["FeatureMatch"], [1, 0, 1, np.nan])
    np.testing.assert_allclose(table["ROUGE-L"], [2 / 3, 2 / 3, 2 / 7, 0])
    assert not {"BLEU-4", "USR"} & set(table)
    silent = pd.read_parquet(told.trials / told.records()["popularity", 1]["id"] / "per_user.parquet")
    assert silent["ROUGE-L"].isna().all()


def test_the_table_holds_rows_against_each_other_user_by_user(told: Any) -> None:
    done = told.bench("table", told.suite, "--format", "csv")
    assert done.returncode == 0, done.stderr
    rows = {(row["method"], row["metric"]): row for row in csv.DictReader(io.StringIO(done.stdout))}
    rouge = rows["template", "ROUGE-L"]
    assert float(rouge["mean"]) == pytest.approx(WORKED["ROUGE-L"])
    # Only bob's review says "great": 2 of 9 words less for "loud".
    assert float(rouge["change_mean"]) == pytest.approx((6 / 9 - 4 / 9) / 4)
    assert (rouge["change_users"], rouge["family"]) == ("4", "4")
    assert rouge["change_p"]
    bleu = rows["template", "BLEU-4"]
    assert float(bleu["change_mean"]) > 0
    assert bleu["change_p"] == ""
    assert rows["popularity", "BLEU-4"]["status"] == "undefined"
    printed = " ".join(told.bench("table", told.suite, "--format", "markdown").stdout.split())
    assert "Explanations of 4 reviews, 3 of them about a known feature; none written by popularity." in printed
    assert "k = 1; explanations of all held-out reviews." in printed


@pytest.mark.parametrize("form", ["terminal", "markdown", "latex", "json"])
def test_every_form_of_the_table(told: Any, form: str) -> None:
    done = told.bench("table", told.suite, "--format", form)
    assert done.returncode == 0, done.stderr
    assert "BLEU-4" in done.stdout


def test_what_reads_results_reads_those_of_texts(told: Any, tmp_path: Path) -> None:
    costs = told.bench("table", told.suite, "--table", "cost", "--format", "csv")
    steps = {(row["method"], row["step"]): row for row in csv.DictReader(io.StringIO(costs.stdout))}
    assert ("popularity", "explaining") not in steps
    explaining = steps["template", "explaining"]
    assert (explaining["charged"], explaining["pieces"]) == ("per-request", "4")
    baseline = tmp_path / "baseline.json"
    assert told.bench("gate", baseline, told.suite, "--update").returncode == 0
    assert told.bench("gate", baseline, told.suite).returncode == 0
    kept = json.loads(baseline.read_text())["datasets"]["booth"]["methods"]["template"]["metrics"]
    assert kept["BLEU-4"]["seed_values"] == [pytest.approx(WORKED["BLEU-4"], rel=1e-5)] * 2
    assert len(kept["ROUGE-L"]["user_values"]) == 4
    page = tmp_path / "page.html"
    assert told.bench("report", told.suite, "--out", page).returncode == 0
    assert "BLEU-4" in page.read_text()
    done = told.bench("plan", told.suite)
    assert "6 finished" in done.stdout


def test_runs_are_compared(told: Any, tmp_path: Path) -> None:
    from llmrec_bench.cli import main

    run = str(told.folder / "results" / "small")
    with pytest.raises(SystemExit) as stop:
        main(["compare", run, run, "--metric", "ROUGE-L"])
    assert stop.value.code == 0


def test_figures_of_texts(booth: Any) -> None:
    gains = "gains: {kind: differences, metric: ROUGE-L, pairs: [[template, shout]]}"
    active = "active: {kind: activity, metric: FeatureMatch, groups: 2}"
    booth.suite.write_text(f"{booth.suite.read_text()}figures: {{{gains}, {active}}}\n")
    assert booth.bench("run", booth.suite).returncode == 0
    figure = booth.bench("figure", booth.suite, "--figure", "gains", "--format", "csv")
    assert float(next(csv.DictReader(io.StringIO(figure.stdout)))["mean"]) == pytest.approx(2 / 36)
    assert booth.bench("figure", booth.suite, "--figure", "active").returncode == 0
    assert booth.bench("table", booth.suite, "--slice", "activity").stderr.strip() == (
        "bench: --slice activity: table 'texts': 'BLEU-4' has no value for a single user, which groups of users need; "
        "leave it out"
    )


def test_a_metric_added_later_needs_no_new_fit(booth: Any) -> None:
    booth.change("ROUGE-2, ", "")
    assert booth.bench("run", booth.suite).returncode == 0
    before = booth.records()
    texts = booth.texts("template")
    booth.change("ROUGE-1, ", "ROUGE-1, ROUGE-2, ")
    assert "6 lacks metrics" in booth.bench("plan", booth.suite).stdout
    again = booth.bench("run", booth.suite)
    assert again.returncode == 0, again.stderr
    after = booth.records()
    for key, record in after.items():
        assert record["resources"] == before[key]["resources"]
        assert {n: v for n, v in record["metrics"].items() if n != "ROUGE-2"} == before[key]["metrics"]
        assert record["explanations"] == before[key]["explanations"]
    assert after["template", 1]["metrics"]["ROUGE-2"] == pytest.approx(WORKED["ROUGE-2"])
    assert after["popularity", 1]["metrics"]["ROUGE-2"] is None
    pd.testing.assert_frame_equal(booth.texts("template"), texts)


def test_texts_that_are_gone_are_named(booth: Any) -> None:
    booth.change(", Length]", "]")
    assert booth.bench("run", booth.suite, "--only", "template", "--seeds", "1").returncode == 0
    [path] = booth.trials.glob("*/explanations.parquet")
    path.unlink()
    booth.change("FeatureMatch]\n", "FeatureMatch, Length]\n")
    done = booth.bench("run", booth.suite, "--only", "template", "--seeds", "1")
    assert done.returncode == 1
    assert f"{path}: cannot be read (no such file); delete {path.parent} to run the trial again" in done.stderr


def test_reviews_are_cut_and_drawn_as_the_protocol_says(booth: Any) -> None:
    booth.change("explanations: {}", "explanations: {pairs: 3, words: 2}")
    assert booth.bench("run", booth.suite).returncode == 0
    asked = [booth.texts(method, seed)[["user", "reference"]] for method in ("template", "shout") for seed in (1, 2)]
    assert len(asked[0]) == 3
    assert all(one.equals(asked[0]) for one in asked)
    known = {"ann": "battery life", "bob": "the screen", "cy": "a red", "di": "works fine"}
    assert asked[0]["reference"].tolist() == [known[user] for user in asked[0]["user"]]
    told = booth.bench("table", booth.suite, "--format", "markdown").stdout
    assert "explanations of at most 3 held-out reviews, their first 2 words" in " ".join(told.split())


@pytest.mark.parametrize(
    ("fate", "message"),
    [
        ("short", "explain() returned 3 texts for 4 pairs; expected one a pair, in their order"),
        ("numbers", "explain() returned a int for pair 3; expected a text, '' for none"),
        ("one-text", "explain() returned a str; expected 4 texts, one a pair, or None"),
        ("set", "explain() returned a set; expected 4 texts, one a pair, or None"),
        ("surrogate", "explain() returned a text for pair 0 that is not Unicode (surrogates not allowed)"),
    ],
)
def test_anything_but_texts_fails_the_trial_in_one_line(booth: Any, fate: str, message: str) -> None:
    booth.change("  template:\n", f"  wrong: {{method: template, config: {{fate: {fate}}}}}\n")
    done = booth.bench("run", booth.suite, "--seeds", "1")
    assert done.returncode == 1
    failure = booth.records()["wrong", 1]["failure"]
    assert (failure["phase"], failure["kind"], failure["traceback"]) == ("explain", "BenchError", "")
    assert failure["message"] == f"method 'wrong': {message}"
    assert booth.records()["shout", 1]["status"] == "finished"


def test_a_method_that_raises_or_is_silent(booth: Any) -> None:
    raising, mute = (f"{{method: template, config: {{fate: {fate}}}}}" for fate in ("raise", "mute"))
    booth.change("  template:\n", f"  raising: {raising}\n  mute: {mute}\n")
    assert booth.bench("run", booth.suite, "--seeds", "1").returncode == 1
    records = booth.records()
    failure = records["raising", 1]["failure"]
    assert (failure["phase"], failure["message"]) == ("explain", "lost for words")
    assert records["mute", 1]["metrics"]["USR"] is None
    assert records["mute", 1]["explanations"] is None


def test_data_without_reviews_have_no_text_metrics(booth: Any) -> None:
    booth.change("{source: booth}}", "{source: booth}, quiet: {source: booth, options: {silent: true}}}")
    assert booth.bench("run", booth.suite, "--seeds", "1").returncode == 0
    table = booth.bench("table", booth.suite, "--seeds", "1", "--format", "csv").stdout
    status = {(row["dataset"], row["method"]): row["status"] for row in csv.DictReader(io.StringIO(table))}
    assert status["quiet", "template"] == "undefined"
    assert status["booth", "template"] == "complete"
    told = booth.bench("table", booth.suite, "--seeds", "1", "--format", "markdown").stdout
    assert "No explanations: the data set holds out no review." in " ".join(told.split())


def test_a_suite_whose_data_have_no_review_is_refused(booth: Any) -> None:
    booth.change("{source: booth}", "{source: booth, options: {silent: true}}")
    done = booth.bench("run", booth.suite)
    assert done.returncode != 0
    assert done.stderr.strip() == (
        f"bench: {booth.suite}: protocol.explanations: no data set of the suite holds out a review; "
        "take one with reviews, or leave it out"
    )
    assert list(booth.trials.glob("*")) == []


def test_nothing_is_asked_where_the_protocol_asks_nothing(booth: Any) -> None:
    booth.suite.write_text(
        "datasets: {booth: {source: booth}}\nprotocol: {cutoffs: [1]}\n"
        "methods: {template: {config: {fate: raise}}}\nseeds: [1]\nmetrics: [HR]\n"
    )
    assert booth.bench("run", booth.suite).returncode == 0
    record = booth.records()["template", 1]
    assert record["explanations"] is None
    assert record["resources"]["explain_seconds"] == 0
