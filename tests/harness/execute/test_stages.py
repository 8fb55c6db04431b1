"""Stages as a user meets them: built once for everybody, completed after a kill, and alone in their failures."""

import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from typing import ClassVar

import pandas as pd
import pytest

from llmrec_bench import Config, Stage
from llmrec_bench.artifacts import Artifacts
from llmrec_bench.llm.prompt import PromptFile
from llmrec_bench.stage import stages_of

NOTES = 20
"""Items of the data set, each asked about once."""
ASKED = 1 + 20
"""A greeting, and one question for each last item of a history."""


def test_one_artifact_serves_all_methods_seeds_and_suites(finished, copied):
    assert len(finished.calls("note")) == NOTES
    assert len(finished.calls()) == NOTES + ASKED
    assert finished.artifacts() == ["digest", "notes"]
    assert {r["status"] for r in finished.records().values()} == {"finished"}
    assert len(finished.records()) == 8
    before = {path: path.read_bytes() for path in copied.results.glob("artifacts/*/*")}
    other = copied.write((copied.folder / "small.yaml").read_text().replace("seeds: [1, 2]", "seeds: [3]"), "other")
    assert copied.bench("run", other, "--only", "skimmer", "--only", "reader").returncode == 0
    assert len(copied.records("other")) == 2
    assert len(copied.calls()) == NOTES + ASKED
    assert {path: path.read_bytes() for path in copied.results.glob("artifacts/*/*")} == before


def test_a_record_tells_of_its_stages_and_what_it_asked(finished):
    records = finished.records()
    notes, digest = finished.manifest("notes"), finished.manifest("digest")
    assert [(s["stage"], s["key"]) for s in records["reader", 1]["stages"]] == [
        ("notes", notes["key"]),
        ("digest", digest["key"]),
    ]
    assert [s["key"] for s in records["skimmer", 2]["stages"]] == [notes["key"]]
    assert records["skimmer", 1]["spending"] == records["popularity", 1]["spending"] == []
    [spent] = notes["spending"]
    assert records["skimmer", 1]["stages"][0]["spending"] == [spent]
    assert (spent["calls"], spent["recorded_calls"], spent["charged"]) == (NOTES, 0, "one-off")
    assert spent["billed_usd"] == pytest.approx(spent["prompt_tokens"] * 0.001 + NOTES * 5 * 0.01)
    asked = {(s["family"], s["charged"]): s for s in records["asker", 1]["spending"]}
    assert asked.keys() == {("greeting", "one-off"), ("next", "per-request")}
    assert asked["next", "per-request"]["calls"] == 30
    assert asked["next", "per-request"]["recorded_calls"] == 10
    again = {s["family"]: s for s in records["asker", 2]["spending"]}
    assert (again["next"]["recorded_calls"], again["next"]["billed_usd"]) == (30, 0.0)
    assert again["next"]["notional_usd"] == pytest.approx(asked["next", "per-request"]["notional_usd"])


def test_a_manifest_tells_what_an_artifact_is(finished):
    notes, digest = finished.manifest("notes"), finished.manifest("digest")
    assert digest["children"] == {"notes": notes["key"]}
    assert notes["children"] == {}
    assert (notes["stage"], notes["dataset"], notes["cut"], notes["interactions"]) == ("notes", "lane", "item texts", 0)
    assert notes["identity"]["writer"]["model"] == "quill"
    assert "hurry" not in notes["identity"]
    assert notes["log"] == ["0 failed"]
    assert notes["remarks"] == ["notes are short"]
    assert notes["build_seconds"] > 0
    assert notes["provenance"]["device"] == "cpu"
    [folder] = finished.results.glob("artifacts/notes-*")
    assert sorted(p.name for p in folder.iterdir()) == ["half", "manifest.json", "notes.parquet"]
    assert [p.name for p in finished.results.glob("artifacts/.aside-*")] == []


def test_what_a_stage_remarks_stands_below_the_tables_of_its_methods(finished, copied):
    assert [s["remarks"] for s in finished.records()["reader", 1]["stages"]] == [["notes are short"], []]
    printed = copied.bench("table", copied.folder / "small.yaml", "--format", "markdown").stdout
    [note] = [line for line in printed.splitlines() if "notes are short" in line]
    assert note == "- Behind skimmer, reader: notes: notes are short."


def test_what_a_stage_saw_is_kept(office, clerk_suite):
    suite = office.write(clerk_suite.replace("{notes: {writer", "{notes: {peeks: true, writer"))
    assert office.bench("run", suite, "--only", "skimmer").returncode == 0
    notes = office.manifest("notes")
    assert (notes["cut"], notes["interactions"]) == ("training", 6)
    [path] = office.results.glob("artifacts/notes-*/interactions.parquet")
    seen = pd.read_parquet(path)
    assert seen["user"].tolist() == ["0"] * 6
    assert seen["item"].tolist() == [str(i) for i in range(6)]


@pytest.mark.parametrize(
    ("around", "saw", "says"),
    [
        (
            20,
            "0 7",
            "saw item '7' of user '0' 1 times, and training and validation hold 0 of these: it is a ",
        ),
        (20, "0 1 2 3; 4 9 11 10", "saw item '11' of user '4' 1 times, and training and validation hold 0 of "),
        (
            20,
            "1 19",
            "saw item '19' of user '1' 1 times, and training and validation hold 0 of these: the ",
        ),
        (20, "0 0 1 2 3 4 5 6; 0 0 1 2 3 4 5 6; 0 5", None),  # texts share a history
        (7, "0 0 1 2", None),  # user 0 had item 0 in training, and has it again as the test target
        (
            7,
            "0 0 1 0",
            "saw item '0' of user '0' 2 times, and training and validation hold 1 of these: it is a ",
        ),
    ],
    ids=["test-target", "another-user", "made-up", "known", "repeat-known", "repeat-of-the-test"],
)
def test_a_stage_that_saw_a_test_target_is_refused(office, clerk_suite, around, saw, says):
    suite = office.write(clerk_suite.replace("{source: lane}", f"{{source: lane, options: {{around: {around}}}}}"))
    run = office.bench("run", suite, "--only", "skimmer", "--seeds", "1", CLERK_SAW=saw)
    if says is None:
        assert run.returncode == 0, run.stderr
        assert office.manifest("notes")["interactions"] == len(saw.replace(";", "").split()) - 1 - saw.count(";")
        return
    assert run.returncode == 1
    kind, phase, message = failures(office)["skimmer", 1]
    assert (kind, phase) == ("BenchError", "stage notes")
    assert message.startswith(f"stage 'notes': {says}")
    assert "\n" not in message
    assert office.artifacts() == []
    calls = len(office.calls())
    assert office.bench("run", suite, "--only", "skimmer", "--seeds", "1").returncode == 0
    assert len(office.calls()) == calls  # its answers were kept, and so was their price
    assert office.manifest("notes")["spending"][0]["billed_usd"] > 0


class Leaf(Stage):
    name: ClassVar[str] = "leaf"
    version: ClassVar[str] = "1"
    size: int = 3

    def build(self, train, out, run): ...


class Tree(Stage):
    name: ClassVar[str] = "tree"
    version: ClassVar[str] = "1"
    leaf: Leaf = Leaf()
    more: tuple[Leaf, ...] = ()

    def build(self, train, out, run): ...


class Garden(Config):
    tree: Tree = Tree()
    leaf: Leaf = Leaf()
    number: int = 1


def test_the_key_is_over_all_that_decides_the_artifact(tmp_path, monkeypatch):
    tree = Tree()
    key = tree.key("data")
    assert len(key) == 16
    assert Tree(leaf=Leaf()).key("data") == key
    other = [Tree(leaf=Leaf(size=4)).key("data"), tree.key("other data"), Tree(more=(Leaf(),)).key("data"), key]

    def changed(kind: type[Stage], name: str, value: object) -> str:
        with monkeypatch.context() as patch:
            patch.setattr(kind, name, value)
            return Tree().key("data")

    def wording(text: str, source: str = "here") -> Callable[[Stage], list[PromptFile]]:
        path = tmp_path / "wording.txt"
        path.write_text(f"---\nsource: {source}\n---\n{text}\n")
        return lambda stage: [PromptFile(path)]

    other += [changed(Tree, "version", "2"), changed(Tree, "name", "bush"), changed(Leaf, "version", "2")]
    for kind in (Tree, Leaf):
        other.append(changed(kind, "prompt_files", wording("Tell me of {title}.")))
        other.append(changed(kind, "prompt_files", wording("Say what you know of {title}.")))
        assert changed(kind, "prompt_files", wording("Say what you know of {title}.", "there")) == other[-1]
    assert len(set(other)) == len(other)
    assert tree.key("data") == key


def test_stages_are_found_at_any_depth_once_and_children_first():
    found = stages_of(Garden(tree=Tree(leaf=Leaf(size=9), more=(Leaf(size=8), Leaf()))))
    assert [(s.name, getattr(s, "size", None)) for s, _ in found.values()] == [
        ("leaf", 9),
        ("leaf", 8),
        ("leaf", 3),
        ("tree", None),
    ]


def test_operational_options_change_nothing(copied):
    text = (copied.folder / "small.yaml").read_text()
    suite = copied.write(text.replace("{notes: {writer: {", "{notes: {hurry: 5, writer: {desks: 7, "))
    run = copied.bench("run", suite)
    assert run.returncode == 0
    assert run.stderr == ""
    assert len(copied.calls()) == NOTES + ASKED


def test_the_workers_change_nothing(office, finished, clerk_suite):
    run = office.apart("run", office.write(clerk_suite), "--workers", "2")
    assert run.returncode == 0, run.stderr
    assert office.metrics() == finished.metrics()
    assert len(office.calls()) == NOTES + ASKED
    assert "lane stage notes" in run.stderr
    assert "[10/10]" in run.stderr


def test_two_runs_at_once_build_an_artifact_once(office, finished, clerk_suite):
    suites = [office.write(clerk_suite, name) for name in ("one", "two")]
    environment = office.environment(CLERK_SECONDS="0.02")
    commands = [office.command("run", s, "--workers", "0", "--only", "skimmer", "--only", "reader") for s in suites]
    runs = [subprocess.Popen(c, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE) for c in commands]
    for run in runs:
        _, errors = run.communicate(timeout=120)
        assert run.returncode == 0, errors
    assert len(office.calls("note")) == NOTES
    assert office.artifacts() == ["digest", "notes"]
    expected = {key: value for key, value in finished.metrics().items() if key[0] in ("skimmer", "reader")}
    assert office.metrics("one") == office.metrics("two") == expected


def test_killed_while_building(office, finished, clerk_suite):
    suite = office.write(clerk_suite)
    only = ("--only", "skimmer", "--only", "reader")
    killed = office.apart("run", suite, "--workers", "1", *only, CLERK_AT="7", CLERK_DOES="kill-run")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert office.artifacts() == []
    assert office.records() == {}
    run = office.bench("run", suite, *only)
    assert run.returncode == 0, run.stderr
    # The call that was under way has to be made again, the answers before it stand in the cassette.
    assert len(office.calls()) == NOTES + 1
    assert office.manifest("notes")["spending"][0]["recorded_calls"] == 6
    expected = {key: value for key, value in finished.metrics().items() if key[0] in ("skimmer", "reader")}
    assert office.metrics() == expected
    for name in ("notes/notes.parquet", "digest/digest.parquet"):
        stage, file = name.split("/")
        one, other = (next(o.results.glob(f"artifacts/{stage}-*/{file}")) for o in (office, finished))
        pd.testing.assert_frame_equal(pd.read_parquet(one), pd.read_parquet(other))
    assert [p.name for p in office.results.glob("artifacts/.aside-*")] == []


def failures(office) -> dict[tuple[str, int], tuple[str, str, str]]:
    kept = ("kind", "phase", "message")
    found = {key: record["failure"] for key, record in office.records().items()}
    return {key: tuple(failure[name] for name in kept) for key, failure in found.items() if failure is not None}


@pytest.mark.parametrize(
    ("stage", "methods", "built"),
    [("notes", ("skimmer", "reader"), []), ("digest", ("reader",), ["notes"])],
)
def test_a_failing_stage_fails_the_trials_that_need_it(office, finished, clerk_suite, stage, methods, built):
    suite = office.write(clerk_suite)
    run = office.bench("run", suite, CLERK_STAGE=f"raise {stage}")
    assert run.returncode == 1
    assert "Traceback" not in run.stderr + run.stdout
    why = ("ValueError", f"stage {stage}", f"{stage} is meant to fail")
    assert failures(office) == {(method, seed): why for method in methods for seed in (1, 2)}
    trace = office.records()[methods[0], 1]["failure"]["traceback"]
    assert "in build" in trace
    assert office.artifacts() == built
    expected = finished.metrics()
    assert {k: v for k, v in office.metrics().items() if v} == {
        key: value for key, value in expected.items() if key[0] not in methods
    }
    again = office.bench("run", suite)
    assert again.returncode == 0, again.stderr
    assert office.metrics() == expected
    assert len(office.calls()) == NOTES + ASKED


def test_a_dying_stage_costs_a_worker_and_its_trials(office, clerk_suite):
    suite = office.write(clerk_suite)
    only = ("--only", "skimmer", "--only", "popularity", "--seeds", "1")
    run = office.apart("run", suite, "--workers", "1", *only, CLERK_STAGE="die notes")
    assert run.returncode == 1, run.stderr
    reason = "the worker process was ended by SIGKILL; the machine may have run out of memory"
    why = ("WorkerDied", "stage notes", reason)
    assert failures(office) == {("skimmer", 1): why}
    assert office.records()["popularity", 1]["status"] == "finished"
    assert office.bench("run", suite, *only).returncode == 0
    assert office.artifacts() == ["notes"]


def test_a_language_model_that_gives_up_fails_the_stage_and_keeps_its_answers(office, clerk_suite):
    suite = office.write(clerk_suite)
    run = office.bench("run", suite, "--only", "skimmer", "--seeds", "1", CLERK_AT="9", CLERK_DOES="stop")
    assert run.returncode == 1
    assert failures(office) == {("skimmer", 1): ("BenchError", "stage notes", "clerk: no more paper")}
    assert office.records()["skimmer", 1]["failure"]["traceback"] == ""
    assert office.bench("run", suite, "--only", "skimmer", "--seeds", "1").returncode == 0
    assert len(office.calls()) == NOTES + 1


def test_a_failed_request_is_the_stages_own_affair(office, clerk_suite):
    suite = office.write(clerk_suite)
    done = office.bench("run", suite, "--only", "skimmer", "--seeds", "1", CLERK_AT="3", CLERK_DOES="fail")
    assert done.returncode == 0
    notes = office.manifest("notes")
    assert notes["log"] == ["1 failed"]
    assert (notes["spending"][0]["calls"], notes["spending"][0]["failed_calls"]) == (NOTES, 1)


@pytest.mark.parametrize("with_others", [True, False])
def test_a_stage_that_is_no_option_is_not_handed_out(office, clerk_suite, with_others):
    suite = office.write(clerk_suite.replace("  popularity:\n", "  sneak:\n"))
    only = ["--only", "sneak", *(["--only", "skimmer"] if with_others else [])]
    run = office.bench("run", suite, "--seeds", "1", *only)
    assert run.returncode == 1
    kind, phase, message = failures(office)["sneak", 1]
    assert (kind, phase) == ("BenchError", "fit")
    assert message.startswith("stage 'notes' (")
    assert message.endswith(") is none of the options; a stage to be used has to be one")


def test_tuned_methods_share_their_stages(office, finished, clerk_suite):
    text = clerk_suite.replace("seeds: [1, 2]", "seeds: [1, 2]\ntune: {fits: 3, metric: NDCG@5}")
    tuned = text.replace("  reader: {", "  reader: {tune: true, ")
    run = office.bench("run", office.write(tuned))
    assert run.returncode == 0, run.stderr
    assert len(office.calls()) == NOTES + ASKED
    assert len(list(office.results.glob("small/searches/*/fit-*.json"))) == 3
    for seed in (1, 2):
        record = office.records()["reader", seed]
        assert record["tuning"]["fits"] == 3
        assert [s["stage"] for s in record["stages"]] == ["notes", "digest"]
    expected = {key: value for key, value in finished.metrics().items() if key[0] != "reader"}
    assert {key: value for key, value in office.metrics().items() if key[0] != "reader"} == expected
    failed = office.bench("run", office.write(tuned, "other"), "--only", "reader")
    assert failed.returncode == 0
    shutil.rmtree(office.results / "artifacts")
    shutil.rmtree(office.results / "other")
    failed = office.bench("run", office.write(tuned, "other"), "--only", "reader", CLERK_STAGE="raise digest")
    assert failed.returncode == 1
    records = office.records("other")
    assert {r["failure"]["message"] for r in records.values()} == {"digest is meant to fail"}
    assert len(records) == 2


def test_a_replay_asks_nothing(copied):
    expected = copied.metrics()
    calls = copied.calls()
    for name in ("small", "artifacts"):
        shutil.rmtree(copied.results / name)
    run = copied.bench("run", copied.folder / "small.yaml", "--replay")
    assert run.returncode == 0, run.stderr
    assert copied.metrics() == expected
    assert copied.calls() == calls
    assert {s["billed_usd"] for r in copied.records().values() for s in r["spending"]} == {0.0}


def test_a_replay_that_lacks_answers_is_refused_before_anything_runs(office, clerk_suite):
    suite = office.write(clerk_suite)
    run = office.bench("run", suite, "--replay")
    assert run.returncode == 2
    lines = run.stderr.splitlines()
    assert len(lines) == 2
    where = office.results / "cassette"
    assert lines[0].startswith("bench: lane stage notes ")
    assert lines[0].endswith(f": replay: 20 answers of clerk quill are not recorded in {where}")
    assert lines[1].startswith("bench: lane asker, 2 seeds: replay: 20 answers of clerk quill")
    assert office.records() == {}
    assert office.calls() == []


def test_a_replay_that_meets_a_prompt_nobody_foresaw_fails_by_name(copied):
    [path] = [p for p in copied.results.glob("cassette/*.jsonl") if b'"greeting"' in p.read_bytes()]
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for line in lines if b'"greeting"' not in line))
    shutil.rmtree(copied.results / "small")
    run = copied.bench("run", copied.folder / "small.yaml", "--replay")
    assert run.returncode == 1
    kind, phase, message = failures(copied)["asker", 1]
    assert (kind, phase) == ("BenchError", "fit")
    assert message.startswith("replay: 1 of 1 answers of clerk quill are not recorded in ")
    assert "'Are you there, clerk? Please say so.'" in message
    assert len(copied.calls()) == NOTES + ASKED
    assert copied.records()["reader", 1]["status"] == "finished"


def test_a_record_of_before_stages_still_loads(copied):
    suite = copied.folder / "small.yaml"
    table = copied.bench("table", suite, "--format", "csv").stdout
    for path in copied.results.glob("small/trials/*/record.json"):
        record = json.loads(path.read_text())
        if record["method"]["label"] == "popularity":
            for name in ("stages", "spending", "parameters"):
                del record[name]
            path.write_text(json.dumps({**record, "schema_version": 2}))
    assert copied.bench("table", suite, "--format", "csv").stdout == table
    assert copied.bench("run", suite).returncode == 0
    assert copied.bench("table", suite, "--table", "cost", "--format", "json").returncode == 0


def test_a_metric_added_later_asks_nothing_and_keeps_what_was_spent(copied):
    before = copied.records()
    suite = copied.write((copied.folder / "small.yaml").read_text().replace("[HR, NDCG]", "[HR, NDCG, MRR]"))
    assert copied.bench("run", suite).returncode == 0
    for key, record in copied.records().items():
        assert "MRR@5" in record["metrics"]
        for name in ("stages", "spending", "parameters"):
            assert record[name] == before[key][name]
    assert len(copied.calls()) == NOTES + ASKED


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "corrupt (the file: "),
        (b"\xff", "corrupt ("),
        (b'{"schema_version": 1, "stage": "notes"}', "corrupt (key: Field required)"),
        (b'{"schema_version": 9}', "written by a newer llmrec-bench (manifest 9); use that one"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_named(copied, content, says):
    [path] = copied.results.glob("artifacts/notes-*/manifest.json")
    path.write_bytes(content)
    run = copied.bench("run", copied.folder / "small.yaml", "--seeds", "5")
    assert run.returncode == 2
    [line] = run.stderr.splitlines()
    assert line.startswith(f"bench: {path}: {says}")
    if "corrupt" in says:
        assert line.endswith(f"delete {path.parent} to build it again")


def test_a_folder_without_a_manifest_is_built_anew(copied):
    [path] = copied.results.glob("artifacts/digest-*/manifest.json")
    path.unlink()
    (path.parent / "leftover").write_text("")
    run = copied.bench("run", copied.folder / "small.yaml", "--seeds", "5", "--only", "reader")
    assert run.returncode == 0, run.stderr
    assert path.exists()
    assert not (path.parent / "leftover").exists()


def test_artifacts_that_cannot_be_written_fail_by_name(office, clerk_suite):
    office.results.mkdir()
    (office.results / "artifacts").write_text("")
    run = office.bench("run", office.write(clerk_suite), "--only", "skimmer", "--seeds", "1")
    assert run.returncode in (1, 2)
    assert "Traceback" not in run.stderr + run.stdout
    assert "cannot be" in run.stderr


def test_an_error_in_a_build_leaves_nothing(tmp_path):
    artifacts = Artifacts(tmp_path / "artifacts")
    leaf = Leaf()

    def fail() -> None:
        with artifacts.building(leaf, "k") as out:
            assert out is not None
            (out / "file").write_text("half")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert artifacts.manifest(leaf, "k") is None
    assert [p.name for p in artifacts.folder.iterdir() if not p.name.startswith(".lock")] == []
