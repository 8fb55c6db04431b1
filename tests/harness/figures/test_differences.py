"""Differences between methods: worked by hand, then what is told of what does not count."""

import csv
import io
import json
import math
import re

import pytest
from rich.console import Console

from llmrec_bench import BenchError
from llmrec_bench.figures.text import figures_view, render_figures

ONE = "gains: {kind: differences, metric: NDCG@2, pairs: [[reader, plain]]}"
TWO = 'gains: {kind: differences, metric: NDCG@2, pairs: [[reader, plain], [idle, plain]], title: "Gains & more"}'
TWO_SHOPS = {"{shop: {source: four}}": "{shop: {source: four}, mall: {source: four, options: {shift: 1}}}"}
NAN = float("nan")


def terminal(figures, width=200):
    out = io.StringIO()
    Console(file=out, width=width).print(figures_view(figures))
    return out.getvalue()


def test_a_pair_worked_by_hand(study):
    study = study(ONE)
    study.keep("plain", 1, values=(0.0, 0.5, 0.0, 0.5))
    study.keep("plain", 2, values=(0.0, 0.5, 0.0, 0.0))
    study.keep("reader", 1, values=(0.5, 1.0, 0.0, 1.0))
    study.keep("reader", 2, values=(0.5, 1.0, 0.0, 1.5))
    figure = study.figure()
    [row] = figure.rows
    # Means over seeds: reader 0.5, 1, 0, 1.25 and plain 0, 0.5, 0, 0.25; differences 0.5, 0.5, 0, 1.
    assert (row.first, row.second, row.status, row.mean) == ("reader", "plain", "complete", 0.5)
    assert (row.low, row.high) == pytest.approx((0.5 - 0.6496151, 0.5 + 0.6496151), abs=1e-6)
    assert row.p == row.p_corrected == pytest.approx(1 - 2 / math.pi * (math.sqrt(2) / 3 + math.atan(math.sqrt(2))))
    assert row.effect_size == pytest.approx(math.sqrt(1.5))
    assert (row.users, row.left_out) == (4, 0)
    assert row.by_seed == {1: 0.375, 2: 0.625}
    assert row.agreeing == 2
    assert (figure.family, figure.measured, figure.seeds) == (1, "NDCG@2", (1, 2))
    assert "1 test, every pair on every data set of it." in figure.notes[2]
    assert not any("±" in note or "have a p so far" in note for note in figure.notes)
    assert f"Protocol {study.plan.suite.protocol.hash}: " in " ".join(figure.notes)


def test_the_family_is_every_pair_on_every_data_set(study):
    study = study(TWO, change=TWO_SHOPS)
    study.keep("plain", 1)
    study.keep("idle", 1, values=(0.1, 0.2, 0.3, 0.4))
    study.keep("reader", 1, values=(0.5, 0.5, 0.6, 0.6))
    shop, mall = study.figures()
    assert (shop.dataset, mall.dataset, shop.family, mall.family) == ("shop", "mall", 4, 4)
    reader, idle = shop.rows
    # Two of the four have not run, and make the others no better.
    assert reader.p < idle.p
    assert reader.p_corrected == pytest.approx(4 * reader.p)
    assert idle.p_corrected == pytest.approx(3 * idle.p)
    assert [row.status for row in mall.rows] == ["missing", "missing"]
    assert "2 of the 4 tests have a p so far. The others are counted in the family" in " ".join(mall.notes)


def test_showing_a_part_keeps_the_family(study):
    [figure] = study(TWO, only=["reader", "plain"]).figures()
    assert [(row.first, row.second) for row in figure.rows] == [("reader", "plain")]
    assert figure.family == 2


def test_a_method_that_a_data_set_lacks_is_no_test(study):
    change = {**TWO_SHOPS, "config: {number: 2}}": "config: {number: 2}, datasets: [mall]}"}
    shop, mall = study(TWO, change=change).figures()
    assert [len(shop.rows), len(mall.rows), shop.family] == [1, 2, 3]
    [only] = study(TWO.replace("[reader, plain], ", ""), change=change).figures()
    assert (only.dataset, only.family) == ("mall", 1)


def test_identical_methods(study):
    study = study(ONE)
    for method in ("plain", "reader"):
        study.keep(method, 1, values=(0.1, 0.2, 0.3, 0.4))
        study.keep(method, 2, values=(0.4, 0.2, 0.3, 0.1))
    [row] = study.figure().rows
    assert (row.mean, row.low, row.high, row.p, row.p_corrected, row.effect_size) == (0.0, 0.0, 0.0, 1.0, 1.0, 0.0)
    assert row.agreeing == 2  # no seed says otherwise


def test_seeds_may_disagree(study):
    study = study(ONE)
    study.keep("plain", 1, values=(0.5, 0.5, 0.0, 0.0))
    study.keep("plain", 2)
    study.keep("reader", 1, values=(0.25, 0.25, 0.0, 0.0))
    study.keep("reader", 2, values=(1.0, 0.0, 0.0, 1.0))
    [row] = study.figure().rows
    assert (row.mean, row.agreeing, row.by_seed) == (0.1875, 1, {1: -0.125, 2: 0.5})


def test_seeds_that_only_one_has_are_left_out_and_told(study):
    study = study(ONE, seeds=[1, 2, 3])
    for seed in (1, 2):
        study.keep("plain", seed, values=(0.0, 0.0, 0.0, seed))
    study.keep("reader", 2, values=(1.0, 1.0, 1.0, 1.0))
    study.keep("reader", 3, values=(9.0, 9.0, 9.0, 9.0))
    figure = study.figure()
    [row] = figure.rows
    assert (row.status, row.by_seed, row.mean) == ("partial", {2: 0.5}, 0.5)
    assert "reader minus plain: left out 2 seeds that only one of the two has (1, 3)." in figure.notes
    assert re.search(r"│ +1/1 \(of 3\) │", terminal([figure]))


def test_users_without_a_value_are_left_out_and_told(study):
    study = study(ONE)
    study.keep("plain", 1, values=(0.0, NAN, 0.0, 0.0))
    study.keep("plain", 2, values=(0.0, 0.0, 0.0, 0.0))
    study.keep("reader", 1, values=(0.5, 1.0, 0.25, 0.0))
    study.keep("reader", 2, values=(0.5, 1.0, 0.25, NAN))
    figure = study.figure()
    [row] = figure.rows
    assert (row.mean, row.users, row.left_out) == (0.375, 2, 2)
    assert row.by_seed == {1: 0.375, 2: 0.375}  # over the same users
    assert "reader minus plain: left out 2 users without a value in one of the two." in figure.notes


def test_one_user_or_none(study):
    study = study(ONE, seeds=[1])
    study.keep("plain", 1)
    study.keep("reader", 1, values=(0.5, NAN, NAN, NAN))
    figure = study.figure()
    [row] = figure.rows
    assert (row.status, row.mean, row.low, row.p, row.p_corrected, row.users) == ("complete", 0.5, None, None, None, 1)
    assert "reader minus plain: one user is too few for an interval or a test." in figure.notes
    study.keep("reader", 1, values=(NAN, NAN, NAN, NAN))
    figure = study.figure()
    assert (figure.rows[0].status, figure.rows[0].mean, figure.rows[0].by_seed) == ("undefined", None, {})
    assert re.search(r"reader minus plain +│ +n/a │", terminal([figure]))


def test_what_is_not_there_is_told(study):
    study = study(TWO)
    study.keep("plain", 1)
    figure = study.figure()
    assert [row.status for row in figure.rows] == ["missing", "missing"]
    assert re.search(r"reader minus plain +│ +not run │", terminal([figure]))
    study.fail("reader", 2)
    study.keep("idle", 1, metrics={"HR@2": 0.5})
    study.keep("idle", 2, metrics={"HR@2": 0.5})
    study.keep("plain", 2)
    assert [row.status for row in study.figure().rows] == ["failed", "unmeasured"]


def test_a_simulated_model_is_marked(study):
    study = study(ONE)
    for seed in (1, 2):
        study.keep("plain", seed)
        study.keep("reader", seed, values=(0.1, 0.2, 0.3, 0.4), simulated=True)
    figure = study.figure()
    assert figure.rows[0].simulated == ("reader",)
    assert "reader (simulated) minus plain" in terminal([figure])
    assert "SIMULATED: the language model behind reader is a program (clerk quill), not a model." in figure.notes


def test_numbers_of_different_data_do_not_meet(study):
    study = study(ONE)
    study.keep("plain", 1)
    other = study.records[study.trial("plain").id].dataset.model_copy(update={"fingerprint": "f" * 12})
    study.keep("reader", 1, dataset=other)
    with pytest.raises(BenchError, match="different data sets"):
        study.figures()


# Forms


@pytest.fixture
def figures(study):
    study = study(TWO, "active: {kind: activity, metric: NDCG@2, groups: 2}")
    for seed in (1, 2):
        study.keep("plain", seed)
        study.keep("reader", seed, values=(0.5, 0.5, 0.5, 0.75), simulated=True)
    return study.figures()


def test_a_terminal_shows_every_number(figures):
    text = terminal(figures[:1])
    # Differences 0.5, 0.5, 0.5, 0.75: mean 0.5625, s 0.125, t 9; p (three degrees) 0.0029, twice that with Holm.
    assert "Gains & more: shop" in text
    assert re.search(
        r"reader \(simulated\) minus plain │ \+0\.5625 │ \+0\.3636, \+0\.7614 │ +0\.0058 \* │ 0\.0029 │ \+4\.50 │"
        r" +2/2 │ +4 │",
        text,
    )
    assert re.search(r"idle minus plain +│ +not run │ +- │", text)
    assert max(map(len, terminal(figures[:1], 60).splitlines()[:20])) <= 60


def test_every_other_form(figures):
    markdown = render_figures(figures, "markdown")
    assert re.search(r"\| reader \(simulated\) minus plain +\| +\+0\.5625 \|", markdown)
    assert r"0.0058 \*" in markdown
    latex = render_figures(figures, "latex")
    assert r"\caption{Gains \& more: shop}" in latex
    assert r"d\_z" in latex
    assert latex.count("{") == latex.count("}")
    gains, _ = json.loads(render_figures(figures, "json"))
    assert gains["rows"][0]["by_seed"] == {"1": 0.5625, "2": 0.5625}
    assert (gains["family"], gains["rows"][1]["mean"]) == (2, None)


def test_a_csv_has_a_row_for_every_pair(figures):
    rows = list(csv.DictReader(io.StringIO(render_figures(figures, "csv"))))
    first, second, *cells = rows
    assert (first["row"], first["first"], first["second"]) == ("reader minus plain", "reader", "plain")
    assert (first["mean"], first["seeds_agreeing"], first["seeds"], first["family"]) == ("0.5625", "2", "2", "2")
    assert float(first["p_corrected"]) == 2 * float(first["p"])
    assert (first["simulated"], first["size"], first["measured"]) == ("True", "4", "NDCG@2")
    assert (second["status"], second["mean"], second["p"]) == ("missing", "", "")
    assert len(cells) == 3 * 2
    assert {row["p"] for row in cells} == {""}
    assert None not in first
    assert "p_corrected" not in render_figures(figures[1:], "csv")


def test_a_tiny_p_is_not_nothing(study):
    study = study(ONE, seeds=[1])
    study.keep("plain", 1)
    study.keep("reader", 1, values=(0.5, 0.5, 0.5, 0.5001))
    assert "<0.0001 *" in terminal(study.figures())
    study.keep("reader", 1, values=(0.5, 0.5, 0.5, 0.5))
    [figure] = study.figures()
    assert (figure.rows[0].p, figure.rows[0].effect_size) == (0.0, None)
    json.loads(render_figures([figure], "json"), parse_constant=pytest.fail)
