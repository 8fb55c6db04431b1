"""The same figure in every form."""

import csv
import io
import json
import re

import pytest
from rich.console import Console

from llmrec_bench.figures.text import figures_view, render_figures

FIGURES = (
    'active: {kind: activity, metric: NDCG@2, groups: 2, title: "Sparsity\\n & \\eco"}',
    "popular: {kind: popularity, cutoff: 2, bins: 3}",
    "cases: {kind: cases, cutoff: 2, methods: [plain, reader]}",
)


@pytest.fixture
def figures(study):
    study = study(*FIGURES)
    for seed in (1, 2):
        study.keep("plain", seed, lists=("50", "54", "01", "30"))
        study.keep("reader", seed, values=(0.5, 0.5, 0.5, 1.0), lists=("40", "01", "02", "031"), simulated=True)
    study.write({0: r"Buys \| and [links](javascript:x) and $x_1$ " + "and more " * 60})
    return study.figures()


def terminal(figures, width):
    out = io.StringIO()
    Console(file=out, width=width).print(figures_view(figures))
    return out.getvalue()


def test_a_terminal_shows_every_number(figures):
    text = terminal(figures, 100)
    assert "Sparsity & \\x1bco: shop" in text
    assert re.search(r"plain +│ 0\.0000 ±0\.0000 │ 0\.0000 ±0\.0000", text)
    assert re.search(r"reader \(simulated\) +│ 0\.5000 ±0\.0000 │ 0\.7500 ±0\.0000", text)
    assert re.search(r"idle +│ +not run │ +not run", text)
    assert re.search(r"training data +│ +0\.7500 │ +0\.2500 │ +0\.0000", text)
    assert "1. Four \\x1b[31mred; 2. Zero; target at place 1" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("width", [60, 100, 300])
def test_no_word_of_a_case_is_lost(figures, width):
    text = terminal(figures, width)
    assert max(map(len, text.splitlines())) <= width
    says = " ".join(line.split("│")[2].strip() for line in text.splitlines() if line.count("│") == 3)
    assert says.count("and more") == 60


def test_markdown_cannot_be_broken_out_of(figures):
    text = render_figures(figures, "markdown")
    for line in text.splitlines():
        if line.startswith("| user"):
            assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 3
    assert r"Buys \\\| and [links]\(javascript:x) and" in text
    assert r"Two \<b>\|" in text


def test_latex_escapes_and_folds_what_is_long(figures):
    text = render_figures(figures, "latex")
    assert r"\caption{Sparsity \& \textbackslash{}x1bco: shop}" in text
    assert r"\begin{tabular}{lp{0.6\linewidth}}" in text
    assert r"and \$x\_1\$ and" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 3
    assert text.count(r"\midrule") == 4  # one more above the training data
    assert text.count("{") == text.count("}")


def test_csv_has_a_row_for_every_cell_and_line(figures):
    rows = list(csv.DictReader(io.StringIO(render_figures(figures, "csv"))))
    cells = [row for row in rows if row["figure"] == "active"]
    assert len(cells) == 3 * 2
    assert (cells[5]["row"], cells[5]["part"], cells[5]["mean"], cells[5]["size"]) == ("reader", "G2", "0.75", "2")
    assert (cells[5]["simulated"], cells[5]["status"], cells[5]["seeds"]) == ("True", "complete", "2")
    assert [row["mean"] for row in rows if row["row"] == "training data"] == ["0.75", "0.25", "0.0"]
    cases = [row for row in rows if row["figure"] == "cases"]
    assert [row["part"] for row in cases] == ["a"] * 5 + ["c"] * 5
    assert cases[1]["text"] == r"Four \x1b[31mred"
    assert all(row["data_fingerprint"] and row["protocol_hash"] for row in rows)


def test_json_keeps_the_values_of_each_seed(figures):
    active, popular, cases = json.loads(render_figures(figures, "json"))
    assert active["lines"][2]["cells"][1]["values"] == {"1": 0.75, "2": 0.75}
    assert popular["training"] == [0.75, 0.25, 0.0]
    assert (cases["gained"], cases["lost"]) == (2, 1)


def test_a_figure_without_cases(study):
    study = study(FIGURES[2])
    assert re.search(r"no case +│ +not run", terminal(study.figures(), 100))
    study.keep("plain", 1)
    study.keep("reader", 1)
    assert "no user is one" in render_figures(study.figures(), "markdown")
    assert len(render_figures(study.figures(), "csv").splitlines()) == 1
