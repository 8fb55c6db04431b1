"""Charts as SVG of the page and as files."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from llmrec_bench.errors import BenchError
from llmrec_bench.report.drawing import FORMS, svg_for_page, write_files
from llmrec_bench.report.palette import COLOURS, SHAPES, VARIABLES, Looks

MAGIC = {"svg": b"<svg ", "png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-"}


def test_every_kind_of_chart_is_drawn(page):
    assert [chart.name.split("-")[0] for chart in page.all_charts] == [
        "cost", "seeds", "option", "popularity", "cost", "activity", "differences"
    ]  # fmt: skip


def test_colours_of_the_page_are_its_variables(page):
    known = {f"var({name})" for name in VARIABLES.values()} | {"none", "transparent"}
    for chart in page.all_charts:
        root = ElementTree.fromstring(svg_for_page(chart, "c"))
        used = {e.get(name) for e in root.iter() for name in ("fill", "stroke") if e.get(name)}
        assert used <= known, (chart.name, used - known)
        assert any(str(colour).startswith("var(--") for colour in used)


def test_texts_of_the_page_hold_every_name(page):
    for chart in page.all_charts:
        root = ElementTree.fromstring(svg_for_page(chart, "c"))
        shown = " ".join(text for e in root.iter("text") if (text := "".join(e.itertext())))
        if chart.name.startswith("seeds"):
            assert "<script>document.title='planted'</script>" in shown
            assert 'x" onmouseover="alert(1) (simulated)' in shown
        elif chart.name.startswith(("popularity", "activity")):  # the middle of a long name has no room
            assert "…" in shown
            assert "(1) (simulated)" in shown


def test_ids_of_charts_do_not_meet(page):
    for number, chart in enumerate(page.all_charts):
        text = svg_for_page(chart, f"c{number}")
        assert all(found.startswith(f"c{number}-") for found in re.findall(r"\bid=\"(.*?)\"", text))
        assert all(found.startswith(f"c{number}-") for found in re.findall(r"url\(#(.*?)\)", text))


def test_files_have_three_forms(page, tmp_path):
    charts = [page.all_charts[0], replace(page.all_charts[0], title="Control \x1b characters", lines=("\x00 too",))]
    written = write_files(charts, tmp_path / "charts")
    assert [path.suffix.removeprefix(".") for path in written] == list(FORMS) * 2
    assert len({path.name for path in written}) == 6  # of the same name, and yet none overwritten
    for path in written:
        assert re.fullmatch(r"[a-z0-9.-]+", path.name)
        assert path.read_bytes().startswith(MAGIC[path.suffix.removeprefix(".")])
    text = written[0].read_text()
    assert "var(" not in text
    assert "SIMULATED data" in text
    assert "NDCG@10 against cost" in text
    assert "<script" not in text
    assert "Control \\x1b characters" in written[3].read_text()


def test_a_folder_that_cannot_be_written_is_named(page, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match=r"file: cannot be written .*; choose --charts DIR"):
        write_files(page.all_charts[:1], tmp_path / "file")


def test_methods_look_different_until_the_shapes_run_out():
    labels = [str(i) for i in range(len(COLOURS) * len(SHAPES))]
    looks = Looks(labels)
    pairs = set(zip(looks.colours(labels), looks.shapes(labels), strict=True))
    assert len(pairs) == len(labels)
    assert looks.colours(["3"]) == [COLOURS[3]]  # the same whatever else is shown
