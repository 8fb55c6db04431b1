"""Changes against a baseline: worked by hand, then the family they are corrected in and what is told of them."""

import csv
import io
import json
import math
import re

import pytest
from scipy import stats as scipy_stats

from llmrec_bench import BenchError
from llmrec_bench.errors import SuiteErrors
from llmrec_bench.table_text import render_tables

MAIN = "tables: {main: {metrics: [NDCG@2]}}"
NAN = math.nan


def kept(study, *figures, **options):
    """`reader` against `plain`: 0.5, 0.5, 0 and 1 more, users averaged over seeds."""
    study = study(*figures, **options)
    for seed, values in {1: (0.0, 0.5, 0.0, 0.5), 2: (0.0, 0.5, 0.0, 0.0)}.items():
        study.keep("plain", seed, values=values, metrics={"NDCG@2": sum(values) / 4})
    for seed, values in {1: (0.5, 1.0, 0.0, 1.0), 2: (0.5, 1.0, 0.0, 1.5)}.items():
        study.keep("reader", seed, values=values, metrics={"NDCG@2": sum(values) / 4})
    return study


def test_a_change_worked_by_hand(study):
    table = kept(study).table(baseline="plain")
    plain, idle, reader = (row.cells[0] for row in table.rows)
    assert plain.change is None
    assert idle.change is None
    change = reader.change
    # The differences 0.5, 0.5, 0, 1 have the mean 0.5 and the deviation 0.408; plain's own mean is 0.1875.
    assert (change.mean, change.users, change.seeds) == (0.5, 4, 2)
    assert change.relative == pytest.approx(0.5 / 0.1875)
    assert (change.low, change.high) == pytest.approx((0.5 - 0.6496151, 0.5 + 0.6496151), abs=1e-6)
    assert change.p == pytest.approx(1 - 2 / math.pi * (math.sqrt(2) / 3 + math.atan(math.sqrt(2))))
    assert change.effect_size == pytest.approx(math.sqrt(1.5))
    # `idle` has not run, and its test is one of the two of the family all the same.
    assert table.against.family == 2
    assert change.p_corrected == pytest.approx(2 * change.p)
    assert (table.against.baseline, table.against.test, table.against.correction) == ("plain", "t-test", "holm")


def test_without_a_correction_p_stays(study):
    table = kept(study).table(baseline="plain", correction="none")
    change = table.rows[2].cells[0].change
    assert change.p_corrected == change.p
    assert "not corrected, although the table asks for 2 tests" in table.notes[1]


def test_runs_are_tested_over_seeds(study):
    table = kept(study).table(baseline="plain", test="runs-t-test")
    change = table.rows[2].cells[0].change
    # By seed 0.625 - 0.25 and 0.75 - 0.125: the differences 0.375 and 0.625 have t = 0.5 / 0.125 = 4 with one degree.
    assert change.p == pytest.approx(1 - 2 / math.pi * math.atan(4))


def test_the_baseline_need_not_be_shown(study):
    shown = kept(study, change={MAIN: "tables: {main: {metrics: [NDCG@2], methods: [reader], baseline: plain}}"})
    table = shown.table()
    assert [row.method for row in table.rows] == ["reader"]
    assert table.rows[0].cells[0].change.mean == 0.5
    assert table.against.family == 1


def test_a_baseline_that_is_not_shown_has_to_be_of_one_protocol_too(study):
    shown = kept(study, change={MAIN: "tables: {main: {metrics: [NDCG@2], methods: [reader], baseline: plain}}"})
    trial = shown.trial("plain")
    stored = shown.records[trial.id]
    other = stored.protocol.model_copy(update={"candidates_hash": "others"})
    shown.records[trial.id] = stored.model_copy(update={"protocol": other})
    with pytest.raises(BenchError, match=r"different candidate sets for seed 1 \(full: reader; others: plain\)"):
        shown.table()


def test_what_is_published_only_is_held_against_nothing(study, tmp_path):
    header = "source,table,dataset,backbone,method,metric,mean,std,pvalue,unit,protocol"
    (tmp_path / "paper.csv").write_text(f"{header}\nA Paper,1,shop,,quoted,NDCG@2,0.5,,,plain,\n")
    beside = "published: paper.csv, published_only: {quoted: no code}"
    main = f"tables: {{main: {{metrics: [NDCG@2], {beside}}}}}"
    alone, table = kept(study).table(baseline="plain"), kept(study, change={MAIN: main}).table(baseline="plain")
    quoted = table.rows[-1]
    assert (quoted.method, quoted.cells[0].change, quoted.cells[0].published) == ("quoted", None, 0.5)
    assert table.against == alone.against  # it is no test
    line = next(line for line in render_tables([table], "markdown").splitlines() if line.startswith("| quoted"))
    assert [cell.strip() for cell in line.strip("|").split("|")] == ["quoted", "published", "-", "-", "0.5000", "-"]


def test_seeds_of_one_side_do_not_count(study):
    study = study()
    study.keep("plain", 1, values=(0.0, 0.5, 0.0, 0.5))
    study.keep("reader", 2, values=(0.5, 1.0, 0.0, 1.0))
    assert study.table(baseline="plain").rows[2].cells[0].change is None


def test_users_without_a_value_are_left_out(study):
    study = study(seeds=[1])
    study.keep("plain", 1, values=(0.0, NAN, 0.5, 0.5))
    study.keep("reader", 1, values=(0.5, 1.0, 0.5, NAN))
    change = study.table(baseline="plain").rows[2].cells[0].change
    assert (change.users, change.mean, change.relative) == (2, 0.25, 1.0)


def test_a_family_is_as_large_for_a_part_of_the_table(study):
    whole, part = kept(study), kept(study, only=["reader", "plain"])
    assert whole.table(baseline="plain").against == part.table(baseline="plain").against


def test_nothing_changes_with_one_user_to_tell(study):
    study = study(seeds=[1])
    study.keep("plain", 1, values=(0.0, NAN, NAN, NAN))
    study.keep("reader", 1, values=(0.5, NAN, NAN, NAN))
    change = study.table(baseline="plain").rows[2].cells[0].change
    assert (change.mean, change.p, change.p_corrected, change.low, change.relative) == (0.5, None, None, None, None)


def test_the_same_values_have_p_1(study):
    study = study(seeds=[1])
    for method in ("plain", "reader"):
        study.keep(method, 1, values=(0.1, 0.2, 0.3, 0.4))
    change = study.table(baseline="plain").rows[2].cells[0].change
    assert (change.mean, change.p, change.p_corrected, change.relative) == (0, 1, 1, 0)


def test_a_metric_without_users_is_told_and_not_tested(study):
    gini = {"metrics: [HR, NDCG]": "metrics: [HR, NDCG, Gini]", "[NDCG@2]": "[NDCG@2, Gini@2]"}
    study = study(change=gini)
    for method, value in (("plain", 0.5), ("reader", 0.75)):
        for seed in (1, 2):
            metrics = {"NDCG@2": 0.25, "Gini@2": value + seed / 100}
            study.keep(method, seed, values=(0.0, 0.5, 0.0, 0.5), metrics=metrics)
    change = study.table(baseline="plain").rows[2].cells[1].change
    assert (change.mean, change.p) == (0.25, None)
    assert study.table(baseline="plain").against.family == 2  # NDCG of the two other rows
    assert study.table(baseline="plain", test="runs-t-test").against.family == 4
    assert study.table(baseline="plain", test="runs-t-test").rows[2].cells[1].change.p == 0


def test_what_could_have_been_found_stands_below(study):
    notes = kept(study).table(baseline="plain", correction="none").notes
    # The four differences have the deviation 0.40825, their mean half of it as its error.
    [smallest] = [note for note in notes if note.startswith("The smallest change")]
    effect = float(smallest.rstrip(".").split()[-1])
    found = scipy_stats.nct.sf(scipy_stats.t.ppf(0.975, 3), 3, effect / (math.sqrt(1 / 6) / 2))
    assert found == pytest.approx(0.8, abs=1e-4)
    assert "four times out of five, before correction: NDCG@2 " in smallest
    corrected = kept(study).table(baseline="plain").notes
    [strict] = [note for note in corrected if note.startswith("The smallest change")]
    assert float(strict.rstrip(".").split()[-1]) > effect
    assert any(note.startswith("Of the squared error of a change ") for note in notes)
    assert not any("smallest" in note for note in kept(study).table(baseline="plain", test="runs-t-test").notes)


def test_a_data_set_without_the_baseline_says_so(study):
    apart = {
        "{shop: {source: four}}": "{shop: {source: four}, mall: {source: four, options: {shift: 1}}}",
        "plain: {method: answer}": "plain: {method: answer, datasets: [shop]}",
    }
    shop, mall = kept(study, change=apart).tables(baseline="plain")
    assert (shop.against.family, mall.against) == (2, None)
    assert mall.notes[0] == "No change against plain: it does not run on this data set."
    assert "change" not in render_tables([mall], "markdown").split("\n\n")[1]


def test_metrics_without_users_alone_make_no_family(study):
    gini = {"metrics: [HR, NDCG]": "metrics: [HR, NDCG, Gini]", "[NDCG@2]": "[Gini@2]"}
    study = study(change=gini)
    for method, value in (("plain", 0.5), ("reader", 0.75)):
        study.keep(method, 1, metrics={"Gini@2": value})
    table = study.table(baseline="plain")
    assert (table.against.family, table.rows[2].cells[0].change.mean) == (0, 0.25)


# Slices


def test_a_slice_is_a_mean_over_its_users(study):
    # In training i0 has four users, i1 two, i2 one; the targets are i4, i5, i2 and i1.
    table = kept(study).table(baseline="plain", slice="cold")
    assert table.columns == ("NDCG@2 cold", "NDCG@2 known")
    assert table.sizes == (2, 2)
    plain = table.rows[0].cells
    assert [cell.values for cell in plain] == [{1: 0.25, 2: 0.25}, {1: 0.25, 2: 0.0}]
    cold, known = table.rows[2].cells
    assert (cold.mean, known.mean) == (0.75, 0.625)
    assert (cold.change.mean, cold.change.users, known.change.mean) == (0.5, 2, 0.5)
    assert (cold.change.p, known.change.p) == (0, pytest.approx(0.5))  # 0.5, 0.5; and 0, 1: t = 1 with one degree
    assert table.against.family == 4
    assert "cold: 2 users whose target nobody has in training." in table.notes
    text = render_tables([table], "markdown")
    assert "NDCG@2 cold (2 users)" in text
    assert "chance" not in text.split("\n\n")[1]


# As text


@pytest.fixture
def told(study):
    return kept(study).table(baseline="plain", correction="none")


def test_text_shows_changes_with_stars(told):
    lines = [re.sub(" +", " ", line) for line in render_tables([told], "markdown").splitlines()]
    assert lines[2] == "| method | settings | NDCG@2 | NDCG@2 change |"
    assert lines[4] == "| plain | default | <ins>0.1875</ins> ±0.0884 | baseline |"
    assert lines[5] == "| idle | own | not run | n/a |"
    assert lines[6] == "| reader | default | **0.6875** ±0.0884 | +266.7% |"
    assert r"- \*, \*\*, \*\*\*: p below 0.05, 0.01, 0.001, not corrected, although" in "\n".join(lines)


@pytest.mark.parametrize(("p", "stars"), [(0.05, ""), (0.0499, "*"), (0.01, "*"), (0.0099, "**"), (0.0009, "***")])
def test_stars_go_by_the_corrected_p(told, p, stars):
    from dataclasses import replace

    row = told.rows[2]
    cell = replace(row.cells[0], change=replace(row.cells[0].change, p_corrected=p))
    table = replace(told, rows=(replace(row, cells=(cell,)),))
    shown = render_tables([table], "latex").splitlines()
    line = next(line for line in shown if line.startswith(" reader"))
    assert line.removesuffix(r"\\").rstrip().endswith(rf"+266.7\% {stars}".rstrip())


def test_machines_get_every_number(told):
    [table] = json.loads(render_tables([told], "json"))
    change = told.rows[2].cells[0].change
    assert table["against"] == {"baseline": "plain", "test": "t-test", "correction": "none", "family": 2}
    assert table["rows"][2]["cells"][0]["change"] == vars(change)
    assert table["directions"] == ["higher"]
    *_, last = csv.DictReader(io.StringIO(render_tables([told], "csv")))
    assert (last["baseline"], last["test"], last["family"]) == ("plain", "t-test", "2")
    assert float(last["change_p_corrected"]) == change.p
    assert float(last["change_relative"]) == change.relative


# Mistakes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"baseline": "plane"}, "--baseline plane: there is no such method; did you mean 'plain'?"),
        ({"test": "ttest", "baseline": "plain"}, "--test ttest: there is no such test; did you mean 't-test'?"),
        ({"correction": "holms"}, "--correction holms: there is no such correction; did you mean 'holm'?"),
        (
            {"slice": "age"},
            "--slice age: there is no such slice; known: activity, cold, history, popularity, shared-time",
        ),
        ({"test": "wilcoxon"}, "--test wilcoxon: nothing is compared; name a --baseline"),
    ],
)
def test_a_mistake_in_options_is_one_line(study, options, message):
    with pytest.raises(BenchError) as error:
        study().tables(**options)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("metrics: [NDCG@2], baseline: plane", "there is no method 'plane'; did you mean 'plain'?"),
        ("metrics: [NDCG@2], test: wilcoxon", "`test` says how rows are held against a `baseline`, and there is none"),
        (
            "metrics: [Gini@2], slice: cold",
            "slice: 'Gini@2' has no value for a single user, which groups of users need",
        ),
    ],
)
def test_a_mistake_in_a_suite_is_one_line(study, entry, message):
    change = {"metrics: [HR, NDCG]": "metrics: [HR, NDCG, Gini]", "metrics: [NDCG@2]": entry}
    with pytest.raises(SuiteErrors) as error:
        study(change=change)
    [line] = str(error.value).splitlines()
    assert re.search(rf"study\.yaml:\d+: tables\.main: {re.escape(message)}", line)


def test_a_grid_is_no_baseline(study):
    grid = {"idle: {method: answer, config: {number: 2}}": "idle: {method: answer, grid: {number: [2, 3]}}",
            "metrics: [NDCG@2]": "metrics: [NDCG@2], baseline: idle"}  # fmt: skip
    with pytest.raises(SuiteErrors, match=r"baseline 'idle' is a grid; name one of its rows, as 'idle\[number=2\]'"):
        study(change=grid)
