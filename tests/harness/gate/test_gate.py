"""`bench gate`: cases worked by hand, what cannot be compared, a real run that got worse, and mistakes."""

import json
import math
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as reference

from llmrec_bench.gate.baseline import MinimumEffect, make_baseline, read_baseline, rounded, write_baseline
from llmrec_bench.gate.judge import judge
from llmrec_bench.metrics.accuracy import HR
from llmrec_bench.metrics.coverage import Gini
from llmrec_bench.metrics.popularity import ARP

OLD = [0.5] * 20
METRICS = {"HR": HR, "ARP": ARP, "Gini": Gini}


def minus(*sizes):
    """The old values, a bit less for each user in turn."""
    return [0.5 - sizes[i % len(sizes)] for i in range(20)]


class Gated:
    """A study with a baseline in which every value is a half, and what the gate says of others."""

    def __init__(self, study, bench, path):
        self.study, self.bench, self.path = study, bench, path
        self.fill()

    def fill(self, method=None, hr=OLD, arp=OLD, seeds=(1, 2), gini=0.5, **changes):
        """Every method but one as it was, and that one with these values."""
        for seed in seeds:
            for label in ("popularity", "ease"):
                other = label == method
                values = {"HR@5": hr if other else OLD, "ARP@5": arp if other else OLD}
                self.study.keep(label, seed, values, {"Gini@5": gini if other else 0.5}, **(changes if other else {}))

    def update(self, *options):
        code, out, errors = self.bench("gate", "--update", self.path, self.study.path, "--results", self.study.results,
                                       *options)  # fmt: skip
        assert code == 0, errors
        return out

    def __call__(self, *options):
        """(exit status, what `--format json` says)."""
        code, out, errors = self.bench("gate", self.path, "--results", self.study.results, "--format", "json", *options)
        assert not errors
        found = json.loads(out)
        assert found["exit_status"] == code
        return code, found


@pytest.fixture
def gate(study, bench, tmp_path):
    gated = Gated(study, bench, tmp_path / "kept.json")
    gated.update()
    return gated


def comparison(found, method="ease", metric="HR@5"):
    return next(c for c in found["comparisons"] if (c["method"], c["metric"]) == (method, metric))


def test_the_same_numbers_pass(gate):
    code, found = gate()
    assert code == 0
    assert found["headline"] == "bench gate study: no regression in 6 comparisons"
    # HR and ARP of two methods; Gini has no value for a user, and two seeds are too few.
    assert found["family"] == 4
    per_user = [c for c in found["comparisons"] if c["unit"] == "users"]
    assert {(c["verdict"], c["p"], c["p_corrected"], c["difference"], c["same"]) for c in per_user} == {
        ("none", 1.0, 1.0, 0.0, True)
    }
    assert {c["verdict"] for c in found["comparisons"] if c["unit"] == "seeds"} == {"untested"}
    assert found["gaps"] == found["changed"] == found["new"] == []


@pytest.mark.parametrize(("share", "code", "verdict"), [(0.0102, 1, "worse"), (0.0098, 0, "small")])
def test_around_the_minimum_effect(gate, share, code, verdict):
    # The baseline's mean is 0.5 and the least that counts 1 % of it. Half of the users lose twice the share.
    gate.fill("ease", hr=minus(0.5 * share * 0.9, 0.5 * share * 1.1))
    status, found = gate()
    seen = comparison(found)
    assert (status, seen["verdict"], seen["minimum"]) == (code, verdict, 0.005)
    assert seen["difference"] == pytest.approx(-0.5 * share)
    assert seen["p_corrected"] < 1e-9
    assert len([c for c in found["comparisons"] if c["verdict"] == "none"]) == 3


def test_exactly_the_minimum_effect_is_not_larger(gate):
    gate.fill("ease", hr=minus(0.125))
    assert comparison(gate("--min-effect", "0.125")[1])["verdict"] == "small"
    assert comparison(gate("--min-effect", "0.1249")[1])["verdict"] == "worse"
    assert comparison(gate("--min-effect", "25%")[1])["verdict"] == "small"
    assert comparison(gate("--min-effect", "24.9%")[1])["verdict"] == "worse"


def test_large_and_not_significant(gate):
    # One user in twenty falls from a half to nothing: t(19) = 1, p 0.33.
    gate.fill("ease", hr=[0.0, *OLD[1:]])
    code, found = gate()
    seen = comparison(found)
    assert (code, seen["verdict"], seen["difference"]) == (0, "unclear", -0.025)
    assert seen["p"] == pytest.approx(2 * reference.t.sf(1, 19))
    assert seen["p_corrected"] == 1.0
    assert (seen["low"], seen["high"]) == pytest.approx((-0.025 - 0.025 * 2.093024, -0.025 + 0.025 * 2.093024))
    # At 0.05 / 4 tests, with the standard error of 0.025 that these differences have.
    bar = reference.t.ppf(1 - 0.0125 / 2, 19)
    assert reference.nct.sf(bar, 19, seen["detectable"] / 0.025) == pytest.approx(0.8)


def test_correction_can_save_a_number(gate):
    # Differences with t(19) = -2.4, so p 0.027, and four times that with Holm.
    spread = np.tile([1.0, -1.0], 10)
    error = spread.std(ddof=1) / math.sqrt(20)
    gate.fill("ease", hr=[0.5 + 0.1 * (d - 2.4 * error) for d in spread])
    code, found = gate()
    seen = comparison(found)
    assert (code, seen["verdict"]) == (0, "unclear")
    assert seen["p"] == pytest.approx(2 * reference.t.sf(2.4, 19), rel=1e-4)
    assert seen["p_corrected"] == pytest.approx(4 * seen["p"])


def test_lower_is_better(gate):
    gate.fill("ease", arp=minus(-0.1, -0.2))
    code, found = gate()
    assert (code, comparison(found, metric="ARP@5")["verdict"]) == (1, "worse")
    gate.fill("ease", arp=minus(0.1, 0.2))
    code, found = gate()
    assert (code, comparison(found, metric="ARP@5")["verdict"]) == (0, "better")
    assert found["headline"] == "bench gate study: no regression in 6 comparisons; 1 better: update the baseline"


def test_a_metric_without_a_direction_is_shown(gate, study):
    class Size(HR):
        direction = "neither"

    gate.fill("ease", hr=minus(0.1, 0.2))
    found = judge(read_baseline(gate.path), study.plan(), study.store, {**METRICS, "HR": Size})
    [seen] = [c for c in found.comparisons if (c.method, c.metric) == ("ease", "HR@5")]
    assert (seen.verdict, seen.difference, seen.p, seen.p_corrected) == ("shown", pytest.approx(-0.15), None, None)
    assert (found.exit_status, found.family) == (0, 2)


def test_a_users_values_are_averaged_over_seeds(gate, study):
    # Seed 1 loses what seed 2 gains, user by user: nothing happened.
    study.keep("ease", 1, {"HR@5": minus(0.1, 0.3), "ARP@5": OLD}, {"Gini@5": 0.5})
    study.keep("ease", 2, {"HR@5": minus(-0.1, -0.3), "ARP@5": OLD}, {"Gini@5": 0.5})
    code, found = gate()
    assert (code, comparison(found)["p"], comparison(found)["units"]) == (0, 1.0, 20)
    assert comparison(found)["now_std"] == pytest.approx(0.4 / math.sqrt(2))


def test_more_seeds_than_the_baseline_change_nothing(gate):
    gate.study.change("seeds: [1, 2]", "seeds: [1, 2, 3]")
    gate.fill("ease", hr=minus(0.4), seeds=[3])
    code, found = gate()
    assert (code, found["seeds"], comparison(found)["same"]) == (0, [1, 2], True)


def test_users_without_a_value_are_counted(gate):
    gate.fill("ease", hr=[math.nan, *OLD[1:]])
    found = gate()[1]
    assert (comparison(found)["units"], comparison(found)["left_out"]) == (19, 1)
    gate.fill("ease", hr=[math.nan] * 20)
    code, found = gate()
    assert code == 2
    assert found["gaps"][0]["reason"] == "undefined, where the baseline has a value"


def test_metrics_of_all_lists_are_paired_by_seed(gate, study):
    study.change("seeds: [1, 2]", "seeds: [1, 2, 3]")
    gate.fill(seeds=[1, 2, 3])
    gate.update()
    for seed, gini in ((1, 0.61), (2, 0.62), (3, 0.63)):  # Gini: lower is better
        study.keep("ease", seed, {"HR@5": OLD, "ARP@5": OLD}, {"Gini@5": gini})
    code, found = gate()
    seen = comparison(found, metric="Gini@5")
    assert (code, seen["verdict"], seen["unit"], seen["units"], found["family"]) == (1, "worse", "seeds", 3, 6)
    # Mean 0.12, standard deviation 0.01: t(2) = 12 sqrt 3.
    assert seen["p"] == pytest.approx(2 * reference.t.sf(12 * math.sqrt(3), 2))
    assert seen["p_corrected"] == pytest.approx(6 * seen["p"])


def test_rounding_is_no_finding(gate):
    gate.fill("ease", hr=[value + 1e-9 for value in OLD])
    assert comparison(gate()[1])["same"]
    gate.fill("ease", hr=minus(1e-5))
    code, found = gate()
    assert (code, comparison(found)["verdict"]) == (0, "small")


# What was not measured


def test_a_missing_trial(gate, study):
    shutil.rmtree(study.store.trials / study.trial("ease", 2).id)
    code, found = gate()
    assert code == 2
    assert found["gaps"] == [{"dataset": "shop", "method": "ease", "metric": "", "reason": "seed 2 not run"}]
    assert found["headline"].endswith("1 part of the baseline not measured")
    # Its tests still count.
    assert (found["family"], len(found["comparisons"])) == (4, 3)


def test_a_failed_trial_and_a_regression(gate, study):
    study.fail("popularity", 1)
    gate.fill("ease", hr=minus(0.1, 0.2))
    study.fail("popularity", 1)
    code, found = gate()
    assert code == 1
    assert [c["method"] for c in found["comparisons"] if c["verdict"] == "worse"] == ["ease"]
    assert [gap["reason"] for gap in found["gaps"]] == ["seed 1 failed (out of luck)"]
    text = gate.bench("gate", gate.path, "--results", study.results)[1]
    assert text.startswith(
        "**bench gate study: 1 of 3 comparisons worse than the baseline; 1 part of the baseline not measured**"
    )
    assert re.search(r"\| shop +\| popularity +\| all +\| seed 1 failed \(out of luck\) +\|", text)


def test_fewer_seeds(gate):
    code, found = gate("--seeds", "1")
    assert (code, {gap["reason"] for gap in found["gaps"]}) == (2, {"seed 2 not run"})


def test_another_protocol_is_no_comparison(gate, study):
    study.change("protocol: {cutoffs: [5]}", "protocol: {cutoffs: [5], seen: none}")
    code, found = gate()
    assert (code, found["comparisons"]) == (2, [])
    [gap] = found["gaps"]
    assert re.match(r"other protocol: \w{12} \(.*seen items kept.*\), where the baseline has \w{12} \(", gap["reason"])
    assert gate("--profile", "long")[0] == 2


def test_other_data_are_no_comparison(gate, study):
    study.change("items: 200", "items: 201")
    code, found = gate()
    assert (code, found["comparisons"]) == (2, [])
    assert re.match(r"other data: fingerprint \w{16}, where the baseline has \w{16}$", found["gaps"][0]["reason"])


def test_other_candidates_are_no_comparison(gate, study):
    record = study.record(study.trial("ease", 1))
    other = record.protocol.model_copy(update={"candidates_hash": "0123"})
    gate.fill("ease", protocol=other)
    code, found = gate()
    assert (code, [gap["reason"] for gap in found["gaps"]]) == (2, ["other candidates at seeds 1, 2"])


def test_other_users_are_no_comparison(gate, study):
    for seed in (1, 2):
        users = [*study.users[:-1], "stranger"]
        study.keep("ease", seed, {"HR@5": OLD, "ARP@5": OLD}, {"Gini@5": 0.5}, users=users)
    code, found = gate()
    assert (code, [gap["reason"] for gap in found["gaps"]]) == (2, ["other users: 20, where the baseline has 20"])


def test_a_metric_that_was_not_measured(gate, study):
    study.keep("ease", 1, {"HR@5": OLD}, {"Gini@5": 0.5})
    code, found = gate()
    gap = {"dataset": "shop", "method": "ease", "metric": "ARP@5", "reason": "not measured at seed 1"}
    assert (code, found["gaps"]) == (2, [gap])
    found = judge(read_baseline(gate.path), study.plan(), study.store, {"ARP": ARP, "Gini": Gini})
    assert {g.reason for g in found.gaps if g.metric == "HR@5"} == {"no installed plugin offers a metric 'HR'"}


def test_what_is_gone_and_what_is_new(gate, study):
    study.change("methods: {popularity: , ease: }", "methods: {popularity: , markov: }")
    study.change("metrics: [HR, ARP, Gini]", "metrics: [HR, ARP, Gini, MRR]")
    code, found = gate()
    assert (code, found["new"]) == (2, ["markov (shop)", "MRR@5"])
    assert [(g["method"], g["reason"]) for g in found["gaps"]] == [("ease", "the suite has no such method any more")]
    study.change("{shop:", "{mall:")
    assert gate()[1]["gaps"] == [
        {"dataset": "shop", "method": "", "metric": "", "reason": "the suite has no such data set any more"}
    ]


def test_another_version_or_other_options_are_compared(gate, study):
    study.change("ease: }", "ease: {config: {regularisation: 7}}}")
    gate.fill("ease", hr=minus(0.1, 0.2))
    code, found = gate()
    assert (code, found["changed"]) == (1, ["ease: other options than in the baseline (shop)"])
    assert comparison(found)["verdict"] == "worse"
    text, count = re.subn(r'("name": "popularity",\s+"version": )"1"', r'\1"0"', gate.path.read_text())
    gate.path.write_text(text)
    assert count == 1
    assert gate()[1]["changed"][0] == "popularity: now version 1, in the baseline 0 (shop)"


def test_only_some_methods(gate, study):
    study.fail("popularity", 1)
    code, found = gate("--only", "ease")
    assert (code, found["not_asked"], found["family"]) == (0, 1, 4)
    assert {c["method"] for c in found["comparisons"]} == {"ease"}


# The file


def test_the_file(gate, study):
    kept = json.loads(gate.path.read_text())
    assert (kept["schema_version"], kept["suite"], kept["min_effect"]) == (1, "suites/study.yaml", "1%")
    part = kept["datasets"]["shop"]
    assert (part["users"], part["candidates"], part["simulated"]) == (20, {"1": "full", "2": "full"}, True)
    assert part["methods"]["ease"]["trials"] == {str(seed): study.trial("ease", seed).id for seed in (1, 2)}
    assert part["methods"]["ease"]["metrics"]["HR@5"] == {"mean": 0.5, "std": 0.0, "user_values": OLD}
    assert part["methods"]["ease"]["metrics"]["Gini@5"] == {"mean": 0.5, "std": 0.0, "seed_values": [0.5, 0.5]}
    text = gate.path.read_text()
    assert f'"user_values": [{", ".join(["0.5"] * 20)}]' in text
    assert "seconds" not in text
    assert not any(f'"{user}"' in text for user in study.users if len(user) > 2)


def test_values_are_kept_with_six_digits(gate, study):
    third = [1 / 3, *OLD[1:-2], math.nan, 2.0]
    gate.fill("ease", hr=third)
    gate.update()
    assert "[0.333333, 0.5, " in gate.path.read_text()
    assert ", null, 2]" in gate.path.read_text()
    code, found = gate()
    assert (code, comparison(found)["same"], comparison(found)["left_out"]) == (0, True, 1)


def test_what_is_written_is_what_is_read(gate, study, tmp_path):
    made = make_baseline(study.plan(), study.store, tmp_path / "again.json", "0.5%")
    write_baseline(made, tmp_path / "again.json")
    assert read_baseline(tmp_path / "again.json") == made
    assert list(tmp_path.glob(".aside*")) == []


def test_the_minimum_effect_stays_with_the_file(gate):
    assert "minimum effect 1%" in gate.update()
    gate.update("--min-effect", "0.3")
    gate.fill("ease", hr=minus(0.1, 0.2))
    code, found = gate()
    assert (code, found["min_effect"], comparison(found)["minimum"]) == (0, "0.3", 0.3)
    assert gate("--min-effect", "2%")[0] == 1
    gate.fill()
    assert "minimum effect 0.3" in gate.update()


def test_the_suite_may_be_left_out_and_the_profile_too(gate, study, bench):
    for trial in study.plan("long").trials:
        record = study.record(trial, metrics={"HR@6": 0.5, "ARP@6": 0.5, "Gini@6": 0.5})
        values = {"HR@6": OLD, "ARP@6": OLD}
        study.store.write(record, pd.DataFrame({"user": study.users, "offered": 40, **values}))
    gate.update("--profile", "long")
    for options in ((), (study.path,)):
        code, found = gate(*options)
        assert (code, found["profile"]) == (0, "long")
    code, _, _ = bench("gate", "--update", gate.path, "--results", study.results)
    assert (code, json.loads(gate.path.read_text())["profile"]) == (0, "long")


@given(st.lists(st.floats(allow_infinity=False, width=32) | st.none(), min_size=1))
def test_what_is_kept_is_compared_by_the_same_digits(values):
    kept = rounded(values)
    again = rounded([None if math.isnan(value) else value for value in kept.tolist()])
    assert np.array_equal(kept, again, equal_nan=True)
    assert np.allclose(kept, [math.nan if v is None else v for v in values], rtol=5e-6, atol=0, equal_nan=True)


@pytest.mark.parametrize(("text", "size", "relative"), [("1%", 0.01, True), ("0.002", 0.002, False), ("0", 0, False)])
def test_minimum_effects(text, size, relative):
    assert MinimumEffect.parse(text) == MinimumEffect(size, relative)
    assert MinimumEffect.parse(text).beside(-2.0) == (2 * size if relative else size)


# Forms


def test_a_pull_request_reads_what_matters_first(gate, study):
    gate.fill("ease", hr=minus(0.1, 0.2), arp=minus(0.1, 0.2), gini=0.7)
    code, text, _ = gate.bench("gate", gate.path, "--results", study.results)
    assert code == 1
    places = [text.index(part) for part in ("**Worse**", "**Better: update the baseline**", "<details>")]
    assert places == sorted(places)
    assert re.search(
        r"\| shop ease \(simulated\) HR@5 +\| 0\.5000 ±0\.0000 \| 0\.3500 ±0\.0000 \| +-0\.1500 \| -0\.1740, -0\.1260 "
        r"\| +0\.0050 \| +\\<0\.0001 \|",
        text,
    )
    assert re.search(r"shop ease \(simulated\) Gini@5 .*\| no test +\|\n", text)
    assert "popularity (simulated)" not in text  # as it was, and only counted
    assert "- The same values as in the baseline, and not listed: 3 comparisons.\n" in text
    assert "a difference larger than 1% of the baseline's mean." in text
    assert "no regression does not mean equal" in text
    code, shown, _ = gate.bench("gate", gate.path, "--results", study.results, "--format", "terminal")
    assert code == 1
    assert "shop ease (simulated) HR@5" in " ".join(shown.replace("│", " ").split())


# A real run that gets worse


REAL = """
datasets: {shop: {source: synthetic-shop, options: {users: 80, items: 200}}}
protocol: {cutoffs: [10]}
methods: {good: {method: ease}, steady: {method: popularity}}
seeds: [1]
metrics: [HR, NDCG]
"""


def test_a_real_run_that_got_worse(tmp_path, bench):
    suite, results, kept = tmp_path / "real.yaml", tmp_path / "results", tmp_path / "kept" / "real.json"
    kept.parent.mkdir()
    suite.write_text(REAL)
    assert bench("run", suite, "--results", results, "--workers", 0)[0] == 0
    assert bench("gate", "--update", kept, suite, "--results", results)[0] == 0
    code, out, _ = bench("gate", kept, "--results", results)
    assert (code, out.splitlines()[0]) == (0, "**bench gate real: no regression in 4 comparisons**")
    suite.write_text(REAL.replace("{method: ease}", "{method: constant}"))
    assert bench("gate", kept, "--results", results)[0] == 2  # not run yet
    assert bench("run", suite, "--results", results, "--workers", 0)[0] == 0
    code, out, _ = bench("gate", kept, "--results", results)
    assert (code, out.splitlines()[0]) == (1, "**bench gate real: 2 of 4 comparisons worse than the baseline**")
    assert "Changed: good: now the method 'constant', in the baseline 'ease' (shop)." in out
    # A run of its own in another folder gives the same numbers, and so passes.
    suite.write_text(REAL)
    again = tmp_path / "again"
    assert bench("run", suite, "--results", again, "--workers", 0)[0] == 0
    assert "not listed: 4 comparisons" in bench("gate", kept, "--results", again)[1]


# Mistakes, one by one


def test_mistakes(gate, study, bench, tmp_path):
    def complaint(*arguments):
        code, out, errors = bench("gate", *arguments)
        assert (code, out) == (2, "")
        assert errors.count("\n") == 1
        return errors.removeprefix("bench: ").rstrip("\n")

    results = ("--results", study.results)
    wrong = tmp_path / "kep.json"
    assert complaint(wrong) == (f"{wrong}: no such baseline; did you mean 'kept.json'; bench gate --update writes one")
    assert complaint("--update", wrong) == (
        f"{wrong}: no such baseline yet, so name the suite too: bench gate --update FILE SUITE"
    )
    assert complaint(gate.path, "--min-effect", "some") == (
        "--min-effect 'some' should be a share of the baseline's mean such as 1%, or a number such as 0.002"
    )
    assert "no profile 'lon'; did you mean 'long'?" in complaint(gate.path, *results, "--profile", "lon")
    assert "did you mean 'ease'?" in complaint(gate.path, *results, "--only", "eas")
    study.fail("ease", 2)
    assert complaint("--update", gate.path, study.path, *results) == (
        f"{study.store.trials}: 1 of 4 trials are not finished (shop ease seed 2); bench run {study.path} first"
    )
    assert "cannot be written (No such file or directory)" in complaint(
        "--update", tmp_path / "none" / "g.json", study.path, *results, "--only", "popularity"
    )
    text = gate.path.read_text()
    gate.path.write_text(text.replace('"schema_version": 1', '"schema_version": 99'))
    assert complaint(gate.path) == f"{gate.path}: written by a newer llmrec-bench (gate schema 99); use that one"
    gate.path.write_text(text.replace('"min_effect": "1%"', '"min_effect": "much"'))
    assert "corrupt baseline (min_effect: Value error" in complaint(gate.path)
    gate.path.write_text(text[:100])
    assert complaint(gate.path).endswith("delete it and write it anew with bench gate --update")
    assert complaint(tmp_path) == f"{tmp_path}: is a folder; a baseline is one JSON file"
    gate.path.write_text(text.replace("suites/study.yaml", "suites/studi.yaml"))
    assert "studi.yaml" in complaint(gate.path, *results)
