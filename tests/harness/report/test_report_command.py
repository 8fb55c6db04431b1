"""`bench report`, with a real shop and real training."""

import contextlib
import importlib.util
import io

import pytest

from llmrec_bench.cli import main

SUITE = """
datasets: {shop: {source: synthetic-shop, options: {users: 60, items: 200}}}
protocol: {cutoffs: [5, 10]}
methods:
  popularity:
  ease: {grid: {regularisation: [1, 10]}}
seeds: [1]
metrics: [HR, NDCG]
"""


def bench(*arguments):
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors), pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return stop.value.code, out.getvalue(), errors.getvalue()


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    (folder / "small.yaml").write_text(SUITE)
    options = (folder / "small.yaml", "--results", folder / "results")
    code, _, errors = bench("run", *options, "--workers", "0")
    assert code == 0, errors
    return options


def test_a_page_and_its_charts(options, tmp_path):
    code, out, errors = bench("report", *options, "--out", tmp_path / "page.html", "--charts", tmp_path / "charts")
    assert (code, errors) == (0, "")
    assert f"{tmp_path / 'page.html'}: 3 of 3 trials finished" in out
    assert f"{tmp_path / 'charts'}: 6 charts, 18 files" in out
    text = (tmp_path / "page.html").read_text()
    assert text.startswith("<!doctype html>")
    assert "ease[regularisation=10]" in text
    assert len(list((tmp_path / "charts").iterdir())) == 18
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_choice_of_methods_and_seeds(options, tmp_path):
    code, _, _ = bench("report", *options, "--only", "popularity", "--seeds", "1,2", "--out", tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert code == 0
    assert "ease" not in text.split("<main>")[1]
    assert "Not run yet: 1 of 2 trials" in text


def test_a_page_that_cannot_be_written(options, tmp_path):
    code, _, errors = bench("report", *options, "--out", tmp_path / "no" / "page.html")
    assert code == 2
    assert errors == f"bench: {tmp_path / 'no' / 'page.html'}: cannot be written (No such file or directory); " \
        "choose another file\n"  # fmt: skip


def test_a_missing_package_is_one_line(options, tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "altair" else found(name))
    code, _, errors = bench("report", *options, "--out", tmp_path / "page.html")
    assert code == 2
    assert errors == "bench: a page needs altair; pip install 'llmrec-bench[report]'\n"
    assert list(tmp_path.iterdir()) == []
