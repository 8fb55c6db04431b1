"""`bench compare`: differences and flips worked by hand, what else differs, a real pair of runs, and mistakes."""

import json
import math
import re
import shutil

import pytest
from scipy import stats as reference

from llmrec_bench.store import Resources

OLD = [0.5] * 20
NONE = [0.0] * 20


def minus(*sizes):
    """A half, less these for each user in turn."""
    return [0.5 - sizes[i % len(sizes)] for i in range(20)]


class Runs:
    """The results before and after a change."""

    def __init__(self, study, bench):
        self.before, self.after = study, study.elsewhere("after")
        self.bench = bench

    def fill(self, hr=OLD, arp=OLD, method="ease", seeds=(1, 2), **changes):
        """Every method as it was, and one with these values afterwards."""
        for seed in seeds:
            for label in ("popularity", "ease"):
                self.before.keep(label, seed, {"HR@5": OLD, "ARP@5": OLD}, {"Gini@5": 0.5})
                values = {"HR@5": hr, "ARP@5": arp} if label == method else {"HR@5": OLD, "ARP@5": OLD}
                self.after.keep(label, seed, values, {"Gini@5": 0.5}, **(changes if label == method else {}))

    @property
    def folders(self):
        return self.before.store.folder, self.after.store.folder

    def __call__(self, *options):
        """What `--format json` says."""
        code, out, errors = self.bench("compare", *self.folders, "--format", "json", *options)
        assert (code, errors) == (0, "")
        return json.loads(out)

    def complaint(self, *options):
        code, out, errors = self.bench("compare", *self.folders, *options)
        assert (code, out, errors.count("\n")) == (2, "", 1)
        return errors.removeprefix("bench: ").rstrip("\n")


@pytest.fixture
def runs(study, bench):
    return Runs(study, bench)


def difference(found, method="ease", metric="HR@5"):
    return next(d for d in found["differences"] if (d["method"], d["metric"]) == (method, metric))


def test_a_difference_worked_by_hand(runs):
    runs.fill(hr=[0.9, *OLD[1:]])
    found = runs()
    row = difference(found)
    # One user of twenty gains 0.4: mean 0.02, standard error 0.02, t(19) = 1.
    assert (row["status"], row["seeds"], row["users"], row["left_out"]) == ("tested", [1, 2], 20, 0)
    assert (row["first"], row["second"], row["mean"]) == (0.5, pytest.approx(0.52), pytest.approx(0.02))
    assert (row["low"], row["high"]) == pytest.approx((0.02 - 0.02 * 2.093024, 0.02 + 0.02 * 2.093024))
    assert row["p"] == pytest.approx(2 * reference.t.sf(1, 19))
    assert row["effect_size"] == pytest.approx(1 / math.sqrt(20))
    assert (found["family"], len(found["differences"]), row["p_corrected"]) == (4, 4, 1.0)


def test_identical_runs(runs):
    runs.fill()
    found = runs()
    assert {(d["mean"], d["p"], d["p_corrected"]) for d in found["differences"]} == {(0.0, 1.0, 1.0)}
    assert {(f["gained"], f["lost"]) for f in found["flips"]} == {(0, 0)}
    assert found["methods"] == found["conditions"] == found["provenance"] == []
    assert found["only_first"] == found["only_second"] == []
    folder = runs.before.store.folder
    assert runs.bench("compare", folder, folder)[0] == 0


def test_seeds_are_averaged_and_only_common_ones_count(runs):
    runs.fill()
    runs.after.keep("ease", 1, {"HR@5": minus(0.1, 0.3), "ARP@5": OLD})
    runs.after.keep("ease", 2, {"HR@5": minus(-0.1, -0.3), "ARP@5": OLD})
    assert difference(runs())["p"] == 1.0
    shutil.rmtree(runs.after.store.trials / runs.after.trial("ease", 2).id)
    runs.after.fail("popularity", 1)
    found = runs()
    assert (difference(found)["seeds"], difference(found)["mean"]) == ([1], pytest.approx(-0.2))
    assert found["only_first"] == ["shop ease seed 2", "shop popularity seed 1 (failed: out of luck)"]
    assert "Failed in B: shop popularity seed 1." in found["notes"]


def test_choosing_a_metric_keeps_the_family(runs):
    runs.fill(hr=minus(0.01, 0.03), arp=minus(0.01, 0.02))
    whole, part = runs(), runs("--metric", "HR@5")
    assert [d["metric"] for d in part["differences"]] == ["HR@5", "HR@5"]
    assert part["family"] == whole["family"] == 4
    assert difference(part)["p_corrected"] == pytest.approx(4 * difference(part)["p"])
    # ARP's p is smaller, so that HR is the second of four.
    assert difference(whole, metric="ARP@5")["p"] < difference(whole)["p"]
    assert difference(whole)["p_corrected"] == pytest.approx(3 * difference(whole)["p"])


def test_what_has_no_value_in_both(runs):
    runs.fill(arp=[math.nan, *OLD[1:]])
    assert (difference(runs(), metric="ARP@5")["users"], difference(runs(), metric="ARP@5")["left_out"]) == (19, 1)
    runs.fill(arp=[math.nan] * 20)
    row = difference(runs(), metric="ARP@5")
    assert (row["status"], row["mean"], row["p"]) == ("undefined", None, None)
    for seed in (1, 2):
        runs.after.keep("ease", seed, {"HR@5": OLD})
    found = runs()
    assert (difference(found)["status"], difference(found, metric="ARP@5")["status"]) == ("tested", "unmeasured")
    for seed in (1, 2):
        runs.after.fail("popularity", seed)
    found = runs()
    row = difference(found, "popularity")
    assert (row["status"], row["seeds"], found["family"]) == ("unfinished", [], 2)


# Users that one run finds


def hits(*places):
    return [float(i in places) for i in range(20)]


def test_flips_of_one_seed_are_exact(runs):
    runs.fill()
    runs.before.keep("ease", 1, {"HR@5": hits(0, 1, 2)})
    runs.after.keep("ease", 1, {"HR@5": hits(2, 7, 3, 11, 5)})
    for side in (runs.before, runs.after):
        shutil.rmtree(side.store.trials / side.trial("ease", 2).id)
    found = runs("--users", "3")
    [flips] = [f for f in found["flips"] if f["method"] == "ease"]
    users = runs.before.users
    assert (flips["metric"], flips["gained"], flips["lost"]) == ("HR@5", 4, 2)
    assert [u["user"] for u in flips["users_gained"]] == [users[3], users[5], users[7]]  # as the data set orders them
    assert [(u["user"], u["first"], u["second"]) for u in flips["users_lost"]] == [
        (users[0], 1.0, 0.0), (users[1], 1.0, 0.0)
    ]  # fmt: skip
    data = runs.before.plan().prepared["shop"]
    titles = data.dataset.items["title"]
    history = [titles[item] for item in data.split.test.histories[3].tolist()]
    seen = flips["users_gained"][0]
    assert (seen["history"], seen["earlier"]) == (history[-5:], max(0, len(history) - 5))
    assert seen["targets"] == [titles[item] for item in data.split.test_targets[3].tolist()]
    assert [f["users_gained"] for f in runs("--users", "0")["flips"]] == [[], []]


def test_half_of_the_seeds_is_neither(runs):
    runs.fill()
    # Users 0 to 3 before: found at no seed, one, both, both; after: at both, both, one, none.
    runs.before.keep("ease", 1, {"HR@5": hits(1, 2, 3)})
    runs.before.keep("ease", 2, {"HR@5": hits(2, 3)})
    runs.after.keep("ease", 1, {"HR@5": hits(0, 1, 2)})
    runs.after.keep("ease", 2, {"HR@5": hits(0, 1)})
    [flips] = [f for f in runs()["flips"] if f["method"] == "ease"]
    users = runs.before.users
    assert [u["user"] for u in flips["users_gained"]] == [users[0]]
    assert [u["user"] for u in flips["users_lost"]] == [users[3]]


def test_without_the_data_there_are_no_histories(runs):
    part = runs.before.record(runs.before.trial("ease", 1)).dataset
    for changed, told in (
        ({"source": "synthetic-shp"}, "unknown dataset 'synthetic-shp'; did you mean 'synthetic-shop'?"),
        ({"options": {**part.options, "users": 1.5}}, "its stored options are no longer understood"),
        ({"fingerprint": "0" * 16}, f"fingerprint {'0' * 16} when it was run, {part.fingerprint} now"),
    ):
        runs.fill()
        other = part.model_copy(update=changed)
        for seed in (1, 2):
            runs.before.keep("ease", seed, {"HR@5": NONE}, dataset=other)
            runs.after.keep("ease", seed, {"HR@5": hits(4)}, dataset=other)
        found = runs()
        [flips] = [f for f in found["flips"] if f["method"] == "ease"]
        [user] = flips["users_gained"]
        assert (user["user"], user["history"]) == (runs.before.users[4], None)
        [note] = [note for note in found["notes"] if note.startswith("Without histories")]
        assert told in note


# What else differs


def test_options_versions_and_stages(runs, study):
    runs.fill()
    study.change("ease: }", "ease: {config: {regularisation: 7}}}")
    for seed in (1, 2):
        shutil.rmtree(runs.after.store.trials)
        runs.after.keep("ease", seed, {"HR@5": OLD, "ARP@5": OLD})
    found = runs()
    assert found["methods"] == [{"subject": "ease (shop)", "what": "regularisation", "first": "100.0", "second": "7.0"}]
    assert found["only_first"] == ["shop ease seed 1", "shop popularity"]
    method = runs.after.record(runs.after.trial("ease", 2)).method.model_copy(update={"version": "9"})
    runs.after.keep("ease", 2, {"HR@5": OLD, "ARP@5": OLD}, method=method)
    assert [c["what"] for c in runs()["methods"]] == ["version", "regularisation"]


def test_where_it_ran_and_what_it_took(runs):
    took = Resources(load_seconds=9, fit_seconds=2, score_seconds=1, rank_seconds=0.5, measure_seconds=9,
                     peak_memory_bytes=5_000_000)  # fmt: skip
    ours = {
        "started_at": "2026-01-01",
        "packages": {"numpy": "2.0", "torch": "2.4"},
        "git": {"commit": "a"},
        "cores": 2,
    }
    theirs = {
        "started_at": "2026-02-01",
        "packages": {"numpy": "2.1", "torch": "2.4"},
        "git": {"commit": "b"},
        "cores": 2,
    }
    runs.fill()
    for seed in (1, 2):
        runs.before.keep("ease", seed, {"HR@5": OLD}, provenance=ours, resources=took)
        slower = took.model_copy(update={"fit_seconds": 2 + 2 * seed, "peak_memory_bytes": 7_000_000 * seed})
        runs.after.keep("ease", seed, {"HR@5": OLD}, provenance=theirs, resources=slower)
        for side in (runs.before, runs.after):
            shutil.rmtree(side.store.trials / side.trial("popularity", seed).id)
    found = runs()
    assert [(c["what"], c["first"], c["second"]) for c in found["provenance"]] == [
        ("packages.numpy", "2.0", "2.1"), ("git.commit", "a", "b")
    ]  # fmt: skip
    [cost] = found["costs"]
    assert (cost["first_fit_seconds"], cost["second_fit_seconds"]) == (2, 5)
    assert (cost["first_ranking_seconds"], cost["second_ranking_seconds"]) == (1.5, 1.5)
    assert (cost["first_peak_bytes"], cost["second_peak_bytes"]) == (5_000_000, 14_000_000)
    out = runs.bench("compare", *runs.folders, "--format", "markdown")[1]
    assert "**Seconds and memory, for information: not a test**" in out


@pytest.mark.parametrize(
    ("part", "change", "told"),
    [
        ("protocol", {"hash": "0" * 12}, "protocol \\w{12} in A, 000000000000 in B"),
        ("dataset", {"fingerprint": "0" * 16}, "data fingerprint \\w{16} in A, 0000000000000000 in B"),
        ("protocol", {"candidates_hash": "12"}, "candidates of seed 1 full in A, 12 in B"),
    ],
)
def test_what_is_not_comparable_is_refused_and_never_tested(runs, part, change, told):
    runs.fill()
    other = getattr(runs.after.record(runs.after.trial("ease", 1)), part).model_copy(update=change)
    runs.fill(hr=minus(0.1, 0.2), **{part: other})
    assert re.fullmatch(
        f"shop ease: not comparable, {told}; --allow-mixed shows such numbers without a test", runs.complaint()
    )
    found = runs("--allow-mixed")
    row = difference(found)
    assert (row["status"], row["first"], row["second"]) == ("mixed", 0.5, pytest.approx(0.35))
    assert (row["mean"], row["p"], row["low"], row["users"]) == (pytest.approx(-0.15), None, None, 0)
    assert (difference(found, "popularity")["status"], found["family"]) == ("tested", 2)
    assert [f["method"] for f in found["flips"]] == ["popularity"]
    assert [c["subject"] for c in found["conditions"]][:1] == ["shop (ease)"]
    assert any(note.startswith("NOT COMPARABLE, and not tested") and "shop ease" in note for note in found["notes"])
    assert "not tested" in runs.bench("compare", *runs.folders, "--allow-mixed")[1]


def test_the_latest_of_several_trials_counts(runs, study):
    runs.fill()
    study.change("ease: }", "ease: {config: {regularisation: 7}}}")
    for seed in (1, 2):
        runs.after.keep("ease", seed, {"HR@5": NONE, "ARP@5": OLD}, provenance={"started_at": "2030"})
    found = runs()
    assert difference(found)["second"] == 0
    [note] = [note for note in found["notes"] if "earlier trials" in note]
    assert note.startswith("B holds earlier trials") and note.endswith("(shop ease).")  # noqa: PT018


def test_older_records_are_read(runs):
    runs.fill()
    for path in runs.before.store.trials.glob("*/record.json"):
        plain = json.loads(path.read_text())
        for name in ("tuning", "stages", "spending", "parameters", "standard_errors"):
            del plain[name]
        path.write_text(json.dumps({**plain, "schema_version": 1}))
    assert len(runs()["differences"]) == 4


# Forms


def test_every_form(runs):
    runs.fill(hr=[1.0, *minus(0.2, 0.3)[1:]])
    code, text, _ = runs.bench("compare", *runs.folders)
    assert code == 0
    row = next(line for line in text.splitlines() if "ease (simulated)" in line and "HR@5" in line)
    assert [cell.strip() for cell in row.split("│")[1:6]] == ["ease (simulated)", "HR@5", "0.5000", "0.2850", "-0.2150"]
    assert " * " in row
    assert "SIMULATED: marked numbers" in text
    code, text, _ = runs.bench("compare", *runs.folders, "--format", "markdown")
    assert text.startswith(
        f"- A: {runs.folders[0]}\n- B: {runs.folders[1]}\n- 1 of 4 tests shown find a difference; in 3 "
    )
    assert re.search(r"\| ease \(simulated\) +\| HR@5 +\| 0\.5000 \| 0\.2850 \| +-0\.2150 \|", text)
    assert "corrected by Holm over the 4 tests" in text


def test_a_page_of_its_own(runs, study, tmp_path):
    pytest.importorskip("altair")
    study.change("ease: }", """'<script>ease</script>"onmouseover="x': {method: ease}}""")
    hostile = """<script>ease</script>"onmouseover="x"""
    for seed in (1, 2):
        for run, hr in ((runs.before, OLD), (runs.after, minus(0.2, 0.3))):
            run.keep(hostile, seed, {"HR@5": hr, "ARP@5": OLD})
    page = tmp_path / "runs.html"
    code, _, errors = runs.bench("compare", *runs.folders, "--html", page)
    assert (code, errors) == (0, f"{page}: written\n")
    html = page.read_text()
    assert html.startswith("<!doctype html>")
    assert html.count("<script") == 1  # its own
    assert "&lt;script&gt;ease&lt;/script&gt;&#34;onmouseover=&#34;x" in html
    assert re.search(r">-0\.2500<", html)
    assert not re.search(r"(?:src|href)=.https?:", html)
    code, _, errors = runs.bench("compare", *runs.folders, "--html", tmp_path / "no" / "runs.html")
    assert code == 2
    assert errors.startswith(f"bench: {tmp_path}/no/runs.html: cannot be written (No such file or directory)")


# A real pair of runs

REAL = """
datasets: {shop: {source: synthetic-shop, options: {users: 80, items: 200}}}
protocol: {cutoffs: [5, 10], candidates: {kind: sampled, n: 50}}
methods: {good: {method: ease}, steady: {method: popularity}}
seeds: [1, 2]
metrics: [HR, NDCG, Gini]
"""


def test_a_real_pair_of_runs(tmp_path, bench):
    suite = tmp_path / "real.yaml"
    for name, text in (("before", REAL), ("after", REAL.replace("{method: ease}", "{method: random}"))):
        suite.write_text(text)
        assert bench("run", suite, "--results", tmp_path / name, "--workers", 0)[0] == 0
    folders = (tmp_path / "before" / "real", tmp_path / "after" / "real")
    code, out, errors = bench("compare", *folders, "--format", "json")
    assert (code, errors) == (0, "")
    found = json.loads(out)
    assert found["family"] == 8  # two methods, HR and NDCG at two cut-offs
    assert difference(found, "good", "HR@10")["p_corrected"] < 0.01
    assert difference(found, "good", "HR@10")["mean"] < -0.1
    assert {d["p"] for d in found["differences"] if d["method"] == "steady"} == {1.0}
    [good, steady] = found["flips"]
    assert (good["metric"], steady["gained"], steady["lost"]) == ("HR@10", 0, 0)
    assert good["lost"] > good["gained"]
    assert all(user["history"] and user["targets"] for user in good["users_lost"])
    assert next(c["what"] for c in found["methods"]) == "method"
    assert found["conditions"] == []


# Mistakes, one by one


def test_mistakes(runs, bench, tmp_path):
    runs.fill()
    before, after = runs.folders

    def complaint(*arguments):
        code, out, errors = bench("compare", *arguments)
        assert (code, out, errors.count("\n")) == (2, "", 1)
        return errors.removeprefix("bench: ").rstrip("\n")

    rule = "not a run folder, one as results/SUITE that holds trials/"
    typo = before.parent / "studdy"
    assert complaint(before, typo) == f"{typo}: {rule}; did you mean 'study'?"
    assert complaint(tmp_path / "suites" / "study.yaml", after) == f"{tmp_path / 'suites' / 'study.yaml'}: {rule}"
    assert complaint(before.parent, after) == f"{before.parent}: not a run folder, but one of runs; name one: {before}"
    assert runs.complaint("--metric", "HR@50") == (
        "--metric HR@50: not measured for single users in both runs; did you mean 'HR@5'?"
    )
    empty = tmp_path / "empty" / "study"
    (empty / "trials").mkdir(parents=True)
    assert complaint(empty, after) == f"{empty}: an empty run, trials/ holds no record; bench run fills it"
    newer = before / "trials" / runs.before.trial("ease", 1).id / "record.json"
    text = newer.read_text()
    newer.write_text(re.sub(r'"schema_version": \d+', '"schema_version": 99', text))
    assert runs.complaint() == f"{newer}: written by a newer llmrec-bench (record schema 99); use that one"
    newer.write_text(text)
    for seed in (1, 2):
        shutil.rmtree(before / "trials" / runs.before.trial("ease", seed).id)
        shutil.rmtree(after / "trials" / runs.after.trial("popularity", seed).id)
    assert runs.complaint() == (
        f"{before} and {after} have no method in common (study: popularity on shop; study: ease on shop)"
    )
