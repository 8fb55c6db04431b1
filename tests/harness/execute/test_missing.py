"""All that a suite lacks, told at once: by a plan whose data are missing, and by one that has them."""

import json
import socket

import pytest

from llmrec_bench.stage import Stage

METHODS = """
methods:
  popularity:
  SASRec+: {method: sasrec+, config: {item_text: &items {encoder: &bert {kind: pretrained, model: no-such/bert}}}}
  SLIM-:
    method: slim-sasrec
    config:
      user_text: {encoder: *bert, texts: &teacher {kind: teacher, writer: &gpt {provider: openai, model: gpt-3.5-turbo}}}
      item_text: *items
  SLIM:
    method: slim-sasrec
    config:
      user_text:
        encoder: *bert
        texts: {kind: student, student: {kind: distilled, teacher: *teacher, base: {kind: pretrained, model: no-such/llama}}}
      item_text: *items
  SLIM elsewhere:
    method: slim-sasrec
    config:
      user_text: {encoder: *bert, texts: {kind: student, student: {kind: folder, path: nowhere}}}
      item_text: *items
seeds: [1]
"""  # noqa: E501 - as a suite has it
LOST = "datasets: {one: {source: sequence-table, options: {path: $NO_SUCH_VARIABLE/a}}, two: {source: sasrec-text, options: {path: no-such.txt}}}"  # noqa: E501
SHOP = "datasets: {shop: {source: synthetic-shop, options: {users: 20}}}"


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No key, an empty cache, a hub that seems within reach, and a network that nobody may touch."""

    def refuse(*_):
        raise AssertionError("the network was asked")

    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def lines(done) -> list[str]:
    assert done.returncode == 2
    assert done.stdout == ""
    return [line.removeprefix("bench: ").partition("small.yaml: ")[2] for line in done.stderr.splitlines()]


def starts(found: list[str], *wanted: str) -> None:
    assert len(found) == len(wanted), found
    for line, start in zip(found, wanted, strict=True):
        assert line.startswith(start)


def test_data_keys_weights_and_memory_are_told_together_each_once(office):
    found = lines(office.bench("plan", office.write(LOST + METHODS)))
    starts(
        found,
        "datasets.one: ",
        "datasets.two: ",
        "methods.SASRec+: weights of no-such/bert are not on this machine: fetched from the hub when it can be reached",
        "methods.SLIM-: openai: no key: set the environment variable OPENAI_API_KEY",
        "methods.SLIM: weights of no-such/llama are not on this machine: fetched from the hub when it can be reached",
        "methods.SLIM elsewhere: nowhere: no such ",
    )
    assert " GB of cpu can be told once they are here" in found[4]


def test_only_what_the_methods_asked_for_need_is_told(office):
    starts(
        lines(office.bench("plan", office.write(LOST + METHODS), "--only", "two/SASRec+")),
        "datasets.one: ",
        "datasets.two: ",
        "methods.SASRec+: weights of no-such/bert",
    )


def test_a_replay_needs_no_key(office):
    suite = office.write(LOST + METHODS)
    assert not any("OPENAI" in line for line in lines(office.bench("plan", suite, "--replay")))
    suite = office.write(LOST + METHODS + "llm: {mode: replay}\n")
    assert not any("OPENAI" in line for line in lines(office.bench("plan", suite)))


def test_a_run_tells_of_the_data_only(office):
    starts(lines(office.bench("run", office.write(LOST + METHODS))), "datasets.one: ", "datasets.two: ")


def test_where_data_are_there_the_plan_says_what_is_missing(office):
    done = office.bench("plan", office.write(SHOP + METHODS), "--only", "SASRec+", "--only", "SLIM-", "--only", "SLIM")
    assert done.returncode == 2  # the folder of the fourth method has no hash, so that there is no plan
    starts(lines(done)[:1], "methods.SLIM elsewhere: nowhere: no such ")
    whole = METHODS.replace("  SLIM elsewhere:", "  unused:").partition("  unused:")[0] + "seeds: [1]\n"
    done = office.bench("plan", office.write(SHOP + whole))
    assert done.returncode == 0, done.stderr
    notes = [line for line in done.stdout.splitlines() if line.startswith("Missing: ")]
    assert [note.split()[3] for note in notes] == ["text-embeddings", "teacher-rationales", "distilled-student"]
    assert " and 2 more: weights of no-such/bert are not on this machine" in notes[0]
    assert ": openai: no key: " in notes[1]
    assert ": weights of no-such/llama are not on this machine" in notes[2]
    faults = json.loads(office.bench("plan", office.folder / "small.yaml", "--json").stdout)["estimates"]
    assert sum(bool(found["fault"]) for found in faults) == 5


def test_a_run_is_not_stopped_by_weights_that_may_be_fetched(office, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    done = office.bench("run", office.write(SHOP + METHODS.partition("  SLIM-:")[0] + "seeds: [1]\n"))
    assert done.returncode == 1
    assert "1 of 2 trials finished" in done.stdout
    assert set(office.records()) == {("popularity", 1), ("SASRec+", 1)}


def test_what_is_built_lacks_nothing_and_the_device_is_told(copied, office, clerk_suite, monkeypatch):
    monkeypatch.setattr(Stage, "fault", lambda self, device: f"no ink on {device}")

    def faults(at, *arguments):
        found = json.loads(at.bench("plan", at.folder / "small.yaml", "--json", *arguments).stdout)["estimates"]
        return [estimate["fault"] for estimate in found]  # two stages, then a method that asks

    office.write(clerk_suite)
    assert faults(office, "--device", "cuda:1") == ["no ink on cuda:1", "no ink on cuda:1", ""]
    assert faults(copied, "--seeds", "9") == ["", "", ""]
