"""What the guides say is what the code does."""

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import llmrec_bench
from llmrec_bench import hookspecs, testing
from llmrec_bench.data.dataset import Preparation, load_dataset
from llmrec_bench.data.splits import LeaveOneOut, split
from llmrec_bench.data.training import TrainingData
from llmrec_bench.llm.prompt import ask
from llmrec_bench.method import Run
from llmrec_bench.plugins import load_catalog
from llmrec_bench.stage import StageRun, stages_of
from llmrec_bench.suite import load_suite
from llmrec_bench.suite_tables import CORRECTIONS, SLICES, TESTS
from llmrec_bench.testing.method_checks import METHOD_CHECKS
from llmrec_bench.tuning import Tuning

ROOT = Path(__file__).parent.parent
CATALOG = load_catalog()


def blocks(guide: str, language: str) -> list[str]:
    """The fenced blocks of one language in a guide."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / guide).read_text(), flags=re.DOTALL)


def test_ci_calls_the_test_command_of_the_readme():
    _, tests = blocks("README.md", "sh")
    assert tests.strip() in (ROOT / ".ci/run").read_text()


def test_the_readme_shows_a_table_of_the_suite_it_runs():
    suite = load_suite(ROOT / "suites/paper.yaml", CATALOG)
    rows = re.findall(r"^\| (\S.*?) +\|", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    [table] = [table for table in suite.tables if table.name == "table-1"]
    there = {method.label for method in suite.methods if "MovieLens" in method.datasets}
    shown = [label for label in table.methods if label in there]
    assert shown == rows[rows.index("method") + 1 :][: len(shown)]
    assert suite.protocol.hash in (ROOT / "README.md").read_text()


def test_the_suite_in_the_guide_loads(tmp_path):
    text, *_ = blocks("suites/README.md", "yaml")
    (tmp_path / "guide.yaml").write_text(text)
    suite = load_suite(tmp_path / "guide.yaml", CATALOG)
    assert [m.label for m in suite.methods][:3] == ["popularity", "sasrec-small", "sasrec[loss=ce,width=32]"]
    assert load_suite(tmp_path / "guide.yaml", CATALOG, "quick").seeds == (1,)


def test_the_comparison_in_the_guide_loads(tmp_path):
    [text] = [text for text in blocks("suites/README.md", "yaml") if "baseline: " in text]
    head = "datasets: {d: {source: movielens-100k}}\nmethods: {sasrec: , ease: }\n"
    (tmp_path / "guide.yaml").write_text(head + text)
    [table] = load_suite(tmp_path / "guide.yaml", CATALOG).tables
    assert (table.baseline, table.test, table.correction, table.slice) == ("sasrec", "t-test", "holm", "popularity")
    for word in (*TESTS, *CORRECTIONS, *SLICES):
        assert word in text


def test_the_two_ways_of_testing_in_the_guide_load(tmp_path, monkeypatch):
    monkeypatch.setenv("LLMREC_BENCH_DATA", "anywhere")  # nothing is read yet
    [text] = [text for text in blocks("suites/README.md", "yaml") if text.startswith("datasets:\n  Beauty:")]
    (tmp_path / "guide.yaml").write_text(f"{text}methods: {{sasrec: }}\nmetrics: [HR, NDCG]\n")
    suite = load_suite(tmp_path / "guide.yaml", CATALOG)
    assert [use.datasets for use in suite.protocols] == [("Beauty",), ("Beauty top-N",)]


def test_the_tuning_in_the_guide_loads(tmp_path):
    [text] = [text for text in blocks("suites/README.md", "yaml") if text.startswith("tune:")]
    (tmp_path / "guide.yaml").write_text(f"datasets: {{d: {{source: movielens-100k}}}}\n{text}")
    suite = load_suite(tmp_path / "guide.yaml", CATALOG)
    assert [m.settings for m in suite.methods] == ["default", "tuned", "tuned"]
    assert suite.tuning == Tuning()  # "these are the defaults"


def test_the_row_of_a_run_file_in_the_guide_loads(tmp_path):
    [text] = [text for text in blocks("suites/README.md", "yaml") if "method: run-file" in text]
    (tmp_path / "guide.yaml").write_text(f"datasets: {{d: {{source: movielens-100k}}}}\n{text}")
    [method] = load_suite(tmp_path / "guide.yaml", CATALOG).methods
    assert [config.path for config in method.config.by_seed([4, 5]).values()] == [
        tmp_path / "../runs/theirs-4.csv",
        tmp_path / "../runs/theirs-5.csv",
    ]


def test_the_language_models_in_the_guide_load(tmp_path):
    [text] = [text for text in blocks("suites/README.md", "yaml") if text.startswith("llm:")]
    (tmp_path / "guide.yaml").write_text(f"datasets: {{d: {{source: movielens-100k}}}}\n{text}")
    suite = load_suite(tmp_path / "guide.yaml", CATALOG)
    [(facts, _), (embeddings, _)] = stages_of(suite.methods[0].config).values()
    assert (facts.name, facts.writer.model, facts.writer.max_tokens) == ("item-facts", "gpt-4o-mini", 100)
    assert embeddings.encoder.kind == "minilm"
    assert suite.llm.cassette == tmp_path / "../results/cassette"


@pytest.mark.parametrize("path", sorted((ROOT / "suites").glob("*.yaml")), ids=lambda path: path.name)
def test_every_suite_is_in_the_guide_and_loads(path, monkeypatch):
    monkeypatch.setenv("LLMREC_BENCH_DATA", os.environ.get("LLMREC_BENCH_DATA", "anywhere"))  # nothing is read yet
    load_suite(path, CATALOG)
    assert f"`{path.name}`" in (ROOT / "suites/README.md").read_text()


def run_for(folder: Path, train: TrainingData) -> Run:
    """A run that builds the artifacts it is asked for."""

    def build(stage):
        out = folder / stage.key("")
        out.mkdir(exist_ok=True)
        stage.build(train, out, StageRun("cpu", build, None, None, print, print, folder / "scratch", None))
        return out

    return Run(1, np.random.default_rng(1), "cpu", lambda score, metric: 0.0, print, build, None, pd.Index([]))


def test_the_method_in_the_guide_works(tmp_path):
    code, _ = blocks("plugins/README.md", "python")[1], blocks("plugins/README.md", "toml")
    space: dict = {}
    exec(compile(code, "plugins/README.md", "exec"), space)
    [kind] = space["register_methods"]()
    dataset = load_dataset("shop", CATALOG.datasets["synthetic-shop"](users=100, items=200), Preparation())
    parts = split(dataset.sequences, LeaveOneOut())
    train = TrainingData(parts.train, dataset.items, parts.validation, parts.validation_targets, "")
    method = kind(kind.Config(half_life_days=10))
    method.fit(train, run_for(tmp_path, train))
    scores = method.score(parts.test)
    assert scores.shape == (len(parts.test), dataset.n_items)
    assert scores.dtype == np.float32
    latest = parts.train.items[np.argmax(parts.train.times)]
    assert scores[0].argmax() == latest or scores[0, latest] == scores[0].max() == 1


def test_the_stage_in_the_guide_works(tmp_path):
    code = blocks("plugins/README.md", "python")[4]
    space: dict = {}
    exec(compile(code, "plugins/README.md", "exec"), space)
    [kind] = space["register_methods"]()
    dataset = load_dataset("shop", CATALOG.datasets["synthetic-shop"](users=100, items=200), Preparation())
    parts = split(dataset.sequences, LeaveOneOut())
    train = TrainingData(parts.train, dataset.items, parts.validation, parts.validation_targets, "")
    method = kind(kind.Config())
    method.fit(train, run_for(tmp_path, train))
    shortest = dataset.items["title"].str.split().str.len().min()
    assert method.score(parts.test)[0].max() == -shortest


def test_the_language_model_in_the_guide_works():
    code = blocks("plugins/README.md", "python")[5]
    space: dict = {}
    exec(compile(code, "plugins/README.md", "exec"), space)
    [kind] = space["register_language_models"]()
    [(_, completion)] = kind(kind.Config(), pd.DataFrame()).answer([ask("how  loud", "test")])
    assert completion.text == "HOW LOUD"
    assert completion.usage.prompt_tokens == 2


def test_the_tutorial_works_line_by_line(tmp_path, new_environment):
    """Every line as it stands, in an environment of its own; what it prints is what the text says it shows."""
    shutil.copytree(ROOT / "suites", tmp_path / "suites")
    folder, said = tmp_path, {}
    lines = blocks("plugins/README.md", "sh")[0].splitlines()
    for line in lines:
        if line.startswith("cd "):
            folder = (folder / line.removeprefix("cd ")).resolve()
            continue
        done = new_environment(line, folder)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        said[line] = done.stdout
    package = "llmrec-bench-my-method"
    assert re.search(rf"^ *my-method +{package} +Score every item", said["bench list methods"], flags=re.MULTILINE)
    assert f"my-method (method, version 1, plugin {package})" in said["bench describe my-method"]
    assert "failed" not in said["bench check my-method"]
    assert said["bench check my-method"].count("passed") == len(METHOD_CHECKS)
    row = re.search(r"my-method .*", said[lines[-1]])
    assert row is not None
    assert len(re.findall(r"0\.\d+", row[0])) >= 2
    assert not re.search(r"^.*sasrec .*0\.\d+", said[lines[-1]], flags=re.MULTILINE)  # left out by --only


def test_every_public_name_is_in_the_guide():
    guide = (ROOT / "plugins/README.md").read_text()
    _, reference = guide.split("## Public names")
    ours, tests = reference.split("What a plugin's tests import")
    assert [name for name in llmrec_bench.__all__ if f"`{name}`" not in ours] == []
    assert [name for name in testing.__all__ if f"`{name}`" not in tests] == []
    for text, known in ((ours, llmrec_bench.__all__), (tests, testing.__all__)):
        rows = [line.split("|")[1] for line in text.split("\n## ")[0].splitlines() if line.startswith("| `")]
        assert {name for row in rows for name in re.findall("`(.*?)`", row)} <= {*known}


def test_every_public_name_is_explained():
    for space in (llmrec_bench, testing):
        for name in space.__all__:
            found = getattr(space, name)
            if name not in ("PAD", "Scores", "LanguageModelOptions", "MethodOptions"):  # these are values
                assert (found.__doc__ or "").strip(), name


def test_every_hook_is_explained_and_tested():
    known = [name for name, value in vars(hookspecs).items() if hasattr(value, "llmrec_bench_spec")]
    for name in known:
        assert (getattr(hookspecs, name).__doc__ or "").strip(), name
    tried = (ROOT / "tests/third_party/llmrec_bench_example/__init__.py").read_text()
    assert [name for name in known if f"def {name}(" not in tried] == []


def test_every_hook_is_in_the_guide():
    hooks = [name for name, value in vars(hookspecs).items() if hasattr(value, "llmrec_bench_spec")]
    assert len(hooks) == 5
    guide = (ROOT / "plugins/README.md").read_text()
    assert [name for name in hooks if f"`{name}(" not in guide] == []


def test_every_metric_is_in_its_guide():
    guide = (ROOT / "harness/llmrec_bench/metrics/README.md").read_text()
    assert [name for name in CATALOG.metrics if name not in guide] == []
