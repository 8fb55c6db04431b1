"""The page: its structure, its numbers, and that nothing on it runs or loads but its own."""

import base64
import hashlib
import json
import re
from dataclasses import asdict, replace
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from llmrec_bench.cost_text import sheet_of as cost_sheet
from llmrec_bench.costs import build_cost_tables
from llmrec_bench.execute.run import progress_of
from llmrec_bench.figures.build import build_figures
from llmrec_bench.figures.text import sheet_of as figure_sheet
from llmrec_bench.plan import make_plan
from llmrec_bench.report.charts import Chart
from llmrec_bench.report.html import render_page
from llmrec_bench.store import Store
from llmrec_bench.table_text import cell_text, decimals_of
from llmrec_bench.tables.build import build_tables

VOID = {"meta", "br", "img", "input", "link", "hr"}


class Reader(HTMLParser):
    """Elements with their attributes and the text that a reader sees."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.headings: list[str] = []
        self.problems: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("h1", "h2", "h3"):
            self.headings.append(f"{tag} ")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        inside = self.open[-1] if self.open else ""
        if inside == "script":
            self.scripts.append(data)
        elif inside != "style":
            self.texts.append(data)
            if set(self.open) & {"h1", "h2", "h3"}:
                self.headings[-1] += data

    @property
    def text(self) -> str:
        titles = [str(attributes.get("title", "")) for _, attributes in self.elements]
        return "\n".join([*self.texts, *titles])


@pytest.fixture(scope="module")
def read(html):
    return Reader(html)


def records_of(study):
    return {p.trial.id: p.record for p in progress_of(study.plan, study.store) if p.record is not None}


def test_sections_stand_in_their_order(read):
    sections = [attributes["id"] for tag, attributes in read.elements if tag == "section"]
    assert sections == [
        "summary", "results", "charts", "figures", "costs", "failures", "trials", "stages", "provenance"
    ]  # fmt: skip
    assert [tag for tag, _ in read.elements if tag in ("header", "nav", "main", "footer")] == [
        "header", "nav", "main", "footer"
    ]  # fmt: skip
    data = "shop <img src=x onerror=alert(2)>"
    heading = "<img src=x onerror=alert(2)>"
    assert read.headings == [
        "h1 study",
        "h2 Summary",
        "h2 Results",
        f"h3 Accuracy {heading}: {data} (simulated data)",
        "h2 Charts",
        f"h3 {data}",
        "h2 Figures",
        f"h3 {heading}: {data} (simulated data)",
        f"h3 popular: {data} (simulated data)",
        f"h3 gains: {data} (simulated data)",
        f"h3 cases: {data} (simulated data)",
        "h2 Costs",
        f"h3 Cost: {data}",
        "h2 What failed, and why",
        "h2 Trials",
        f"h3 {data}",
        "h2 Stages",
        "h2 How it was run",
    ]
    assert read.problems == []
    assert read.open == []


def test_ids_are_unique_and_links_lead_somewhere(read):
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for tag, attributes in read.elements if tag == "a"]
    assert len(links) > 10
    assert {link.removeprefix("#") for link in links} <= set(ids)


def test_every_number_of_the_tables_is_there(study, read):
    tables = build_tables(study.plan, records_of(study), study.store)
    numbers = 0
    for table in json.loads(json.dumps([asdict(table) for table in tables])):
        for i, _ in enumerate(table["columns"]):
            cells = [row["cells"][i] for row in table["rows"]]
            decimals = decimals_of([cell["mean"] for cell in cells])
            levels = [table["chance"][i], *(v for c in cells for v in (c["mean"], c["std"], *c["values"].values()))]
            for number in levels:
                if number is not None:
                    assert f"{number:,.{decimals}f}" in read.text
                    numbers += 1
    assert numbers == 2 * (1 + 6 * 4)  # chance; six methods with mean, deviation and two seeds
    for table in tables:
        for row in table.rows:
            assert cell_text(row.cells[0], 2, 4) in read.texts


def test_every_number_of_costs_and_figures_is_there(study, read):
    records = records_of(study)
    sheets = [cost_sheet(table) for table in build_cost_tables(study.plan, records)]
    figures = build_figures(study.plan, study.store, records)
    sheets += [figure_sheet(figure) for figure in figures if figure.kind != "cases"]
    assert len(sheets) == 4
    cells = {cell for sheet in sheets for row in sheet.body for cell in row[1:] if cell}
    assert {cell for cell in cells if cell not in read.texts} == set()


def test_what_failed_and_what_is_missing_is_told(page, read):
    assert [(trial.method, trial.seed) for trial in page.failed] == [("broken", 1), ("broken", 2)]
    assert [(trial.method, trial.seed) for trial in page.missing] == [("idle", 1), ("idle", 2)]
    links = [attributes.get("href") for _, attributes in read.elements]
    assert all(f"#trial-{trial.id}" in links for trial in page.failed)
    assert any("no luck" in text for text in read.texts)
    assert any("Traceback:" in text for text in read.texts)
    assert "Not run yet: 2 of 16 trials" in read.texts
    assert page.summary.states == {"finished": 12, "failed": 2, "missing": 2}


def test_a_trial_tells_what_differs_and_the_end_of_its_log(page, read):
    shown = {(t.method, t.seed): t for group in page.groups for t in group.trials}
    assert page.provenance == {"packages numpy": "2.0", "device": "cpu", "processor": "usual"}
    assert [key for key, _ in shown["plain", 1].provenance] == ["started_at", "processor"]
    assert [key for key, _ in shown["sized[number=10]", 1].provenance] == ["started_at"]
    assert len(shown["plain", 1].log) == 20
    assert shown["plain", 1].log[0] == "line 13"
    assert shown["plain", 1].earlier == 12
    assert any("the last 20 of 32 lines" in text for text in read.texts)
    assert sum(text.count("remark") for text in read.texts if text.startswith("remark")) == 1  # the stage, once


def test_sums_count_each_stage_once(page):
    # 6 finished methods at seeds 1 and 2: 10 or 20 s of fit and 1.875 s of the rest each; the stage once.
    assert page.summary.seconds == pytest.approx(6 * (10 + 20 + 2 * 1.875) + 2)
    assert (page.summary.calls, page.summary.simulated_calls) == (3, 3)
    assert page.summary.billed_usd == 0


def test_simulated_is_said_wherever_a_number_is(study, page, read):
    for chart in page.all_charts:
        assert chart.lines[0] == "SIMULATED data: made by a program, not observed."
        marked = "(simulated)" in json.dumps(chart.drawing.to_dict()["datasets"])
        assert marked == any(line.startswith("SIMULATED models") for line in chart.lines)
    reader = next(trial.method.label for trial in study.plan.trials if trial.method.method.name == "reader")
    for chart in page.all_charts:
        assert not re.search(re.escape(reader) + r"(?! \(simulated\))", chart.says), chart.name
    captions = [text for text in read.texts if text.startswith("Metrics")]
    assert len(captions) == 12
    assert all("simulated: data" in text for text in captions)
    assert len(page.summary.warnings) == 2


def test_hostile_texts_come_out_as_texts(html, read):
    script = files("llmrec_bench.report").joinpath("page", "page.js").read_text()
    assert read.scripts == [script]
    for tag, attributes in read.elements:
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        assert "style" not in attributes
    assert not {tag for tag, _ in read.elements} & {"img", "iframe", "object", "embed", "link", "base", "form"}
    assert sum(tag == "script" for tag, _ in read.elements) == 1
    # They are there, and readable.
    assert any("<script>document.title='planted'</script>" in text for text in read.texts)
    assert any(text.startswith("Rationale <script>") for text in read.texts)
    assert any('review x" onmouseover="alert(1)' in text for text in read.texts)
    assert "\x1b" not in html
    assert "reads <script>document.title='planted'</script> \\x1b[31m" in read.text


def test_nothing_is_loaded_from_elsewhere(html, read):
    for tag, attributes in read.elements:
        for name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset", "formaction"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
    style = html[html.index("<style>") : html.index("</style>")]
    assert "@import" not in style
    assert "url(" not in style
    assert not re.search(r"(?:clip-path|fill|stroke|filter|mask)=\"url\((?!#)", html)
    assert not re.search(r"\b(?:fetch|XMLHttpRequest|WebSocket|eval|Function|import)\s*\(", "".join(read.scripts))


def test_the_policy_allows_the_pages_own_script_and_style_only(html, read):
    [policy] = [a["content"] for tag, a in read.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        [text] = re.findall(rf"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_tables_are_for_screen_readers_too(read):
    tables = sum(tag == "table" for tag, _ in read.elements)
    assert tables == sum(tag == "caption" for tag, _ in read.elements) > 10
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in read.elements if tag == "th")
    drawings = [attributes for tag, attributes in read.elements if tag == "svg"]
    assert len(drawings) == 7
    assert all(a["role"] == "img" and len(str(a["aria-label"])) > 40 for a in drawings)


def test_marks_and_titles_of_cells_are_shown(page, html):
    grid = page.tables[0]
    assert [column.header for column in grid.columns] == [
        "method", "settings", "NDCG@10", "NDCG@10 change", "HR@10", "HR@10 change"
    ]  # fmt: skip
    for place in (2, 4):
        cells = [row[place] for row in grid.rows]
        means = [float(cell.text.split()[0]) for cell in cells if cell.text[0].isdigit()]
        [best], [second] = ([c for c in cells if c.mark == mark] for mark in ("best", "second"))
        assert f"<strong>{best.text}</strong>" in html
        assert f"<u>{second.text}</u>" in html
        assert [float(best.text.split()[0]), float(second.text.split()[0])] == sorted(means, reverse=True)[:2]
    assert grid.rows[0][2].title.startswith("seed 1: 0.")
    assert f'title="{grid.rows[0][2].title}"' in html
    assert grid.rows[0][3].text == "baseline"
    told = grid.rows[1][3].title
    assert re.fullmatch(r"difference [+-]0\.\d{4}; 95 % interval .* to .*; p [01]\.\d{4}, corrected; d_z .*; 12 users, "
                        r"2 seeds", told), told  # fmt: skip
    assert f'title="{told}"' in html


def test_notes_that_stand_above_are_named_not_repeated(page):
    first, *others = page.tables + tuple(f.grid for f in page.figures if f.grid)
    assert any(note.startswith("Protocol") for note in first.notes)
    for grid in others:
        assert not any(note.startswith("Protocol") for note in grid.notes)
        assert f"Further notes: below '{first.heading}'." in grid.notes
        assert any(note.startswith("SIMULATED") for note in grid.notes)


def test_a_study_of_which_nothing_was_run(study, tmp_path):
    empty = replace(study, store=Store(tmp_path, "study")).page()
    assert empty.all_charts == []
    assert empty.summary.states == {"missing": 16}
    read = Reader(render_page(empty))
    assert read.problems == []
    assert "Nothing is stored yet." in read.texts
    assert "not run" in read.texts


def test_without_figures_there_is_a_chart_of_activity_all_the_same(study):
    suite = replace(study.plan.suite, figures=())
    page = replace(study, plan=make_plan(suite)).page()
    names = [chart.name.split("-")[0] for chart in page.all_charts]
    assert names == ["cost", "seeds", "option", "activity", "popularity", "cost"]
    assert isinstance(page.all_charts[0], Chart)
