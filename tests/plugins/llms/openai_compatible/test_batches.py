"""The batch endpoint: what comes back, and who pays twice (nobody)."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmrec_bench import BenchError, Completion, Usage, ask
from llmrec_bench_plugins.llms import openai_batches
from llmrec_bench_plugins.llms.openai_compatible import OpenAICompatible

Make = Callable[..., OpenAICompatible]
AskAll = Callable[..., dict[str, Completion]]

KEY = "sk-0123456789-secret"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "batches"


def notes(folder: Path) -> list[dict[str, Any]]:
    texts = [path.read_text() for path in sorted(folder.iterdir())]
    assert not [text for text in texts if KEY in text]
    return [json.loads(text) for text in texts]


def test_a_batch_answers_every_prompt(server: Any, make_provider: Make, ask_all: AskAll, folder: Path) -> None:
    completions = ask_all(make_provider(batch=True, max_tokens=5), ["a", "b", "c"])
    assert completions == {text: Completion(text, "stop", Usage(7, 2, 4)) for text in "abc"}
    (batch,) = server.batches
    assert (batch["endpoint"], batch["completion_window"]) == ("/v1/chat/completions", "24h")
    lines = [json.loads(line) for line in server.files[batch["input_file_id"]].split(b"\n")]
    message = {"role": "user", "content": "b"}
    assert lines[1]["body"] == {"model": "tiny", "messages": [message], "max_tokens": 5}
    assert (lines[1]["method"], lines[1]["url"]) == ("POST", "/v1/chat/completions")
    assert len({line["custom_id"] for line in lines}) == 3
    assert server.requests == []
    assert notes(folder) == []


def test_prompts_that_are_alike_are_asked_once(server: Any, make_provider: Make) -> None:
    prompts = [ask("a", "x"), ask("a", "x"), ask("a", "x", items=("i1",)), ask("a", "x", sample=1)]
    completions = dict(make_provider(batch=True).answer(prompts))
    assert {i: completion.text for i, completion in completions.items()} == dict.fromkeys(range(4), "a")
    assert len(server.files["file-0"].split(b"\n")) == 3


def test_lines_that_failed_fail_alone_and_are_asked_again_next_time(
    server: Any, make_provider: Make, ask_all: AskAll, folder: Path
) -> None:
    server.answer("bad", {"status": 400, "body": {"error": {"message": f"no,\n{KEY}"}}})
    server.answer("empty", {"body": {"choices": []}})
    server.answer("lost", {"cut": True})
    completions = ask_all(make_provider(batch=True), ["a", "bad", "empty", "lost", "b"])
    assert {text for text, completion in completions.items() if not completion.failed} == {"a", "b"}
    assert completions["bad"].error == "400: no, ***"
    assert "choices: List should have at least 1 item" in completions["empty"].error
    assert completions["lost"].error == "batch batch-0 ended as 'completed' without this answer"
    server.script.clear()
    again = ask_all(make_provider(batch=True), ["bad", "empty", "lost"])
    assert {text: completion.text for text, completion in again.items()} == {t: t for t in ("bad", "empty", "lost")}
    assert len(server.batches) == 2
    assert notes(folder) == []


def test_an_expired_batch_gives_what_it_has(server: Any, make_provider: Make, ask_all: AskAll) -> None:
    server.batch_status = "expired"
    server.answer("b", {"cut": True})
    completions = ask_all(make_provider(batch=True), ["a", "b"])
    assert completions["a"].text == "a"
    assert completions["b"].error == "batch batch-0 ended as 'expired' without this answer"


ASK = """
import sys
from pathlib import Path
import pandas as pd
from llmrec_bench import ask
from llmrec_bench_plugins.llms.openai_compatible import OpenAICompatible
url, folder = sys.argv[1:]
config = OpenAICompatible.Config(
    provider="openai", model="tiny", base_url=url, batch=True, batch_folder=Path(folder), poll_seconds=0.02
)
list(OpenAICompatible(config, pd.DataFrame()).answer([ask(text, "test") for text in "abc"]))
"""


def test_a_process_killed_while_waiting_has_paid_for_the_next(
    server: Any, make_provider: Make, ask_all: AskAll, folder: Path
) -> None:
    server.looks_needed = 10**9
    command = [sys.executable, "-c", ASK, server.url, str(folder)]
    with subprocess.Popen(command, env={**os.environ, "OPENAI_API_KEY": KEY}) as process:
        deadline = time.monotonic() + 60
        while not server.looks["batch-0"]:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
    (note,) = notes(folder)
    assert (note["batch_id"], note["file_id"], len(note["requests"])) == ("batch-0", "file-0", 3)
    server.looks_needed = 0
    completions = ask_all(make_provider(batch=True), ["a", "b", "c"])
    assert {completion.text for completion in completions.values()} == {"a", "b", "c"}
    assert len(server.batches) == 1
    assert notes(folder) == []


def test_who_stops_while_taking_answers_gets_the_others_later(
    server: Any, make_provider: Make, ask_all: AskAll, folder: Path
) -> None:
    texts = ["a", "b", "c"]
    answers = make_provider(batch=True).answer([ask(text, "test") for text in texts])
    first = texts[next(answers)[0]]
    answers.close()
    others = [text for text in texts if text != first]
    # New ones go into a batch of their own.
    completions = ask_all(make_provider(batch=True), [*others, "d"])
    assert {text: completion.text for text, completion in completions.items()} == {t: t for t in [*others, "d"]}
    assert [server.files[batch["input_file_id"]].count(b"\n") + 1 for batch in server.batches] == [3, 1]
    assert notes(folder) == []


def test_another_model_or_server_does_not_share_batches(server: Any, make_provider: Make, ask_all: AskAll) -> None:
    answers = make_provider(batch=True).answer([ask("a", "test")])
    next(answers)
    answers.close()
    ask_all(make_provider(batch=True, model="other"), ["a"])
    assert len(server.batches) == 2


def test_a_batch_whose_creation_seemed_to_fail_is_found(server: Any, make_provider: Make, ask_all: AskAll) -> None:
    server.fail_create_status = 500
    assert ask_all(make_provider(batch=True, retries=1), ["a"])["a"].text == "a"
    assert len(server.batches) == 1


def test_a_batch_created_by_a_process_that_never_heard_of_it_is_found(
    server: Any, make_provider: Make, ask_all: AskAll, folder: Path
) -> None:
    server.fail_create_status = 500
    assert ask_all(make_provider(batch=True, retries=0), ["a"])["a"].failed
    (note,) = notes(folder)
    assert note["batch_id"] is None
    assert ask_all(make_provider(batch=True), ["a"])["a"].text == "a"
    assert len(server.batches) == 1


def test_a_batch_that_could_not_be_looked_after_is_found_later(
    server: Any, make_provider: Make, ask_all: AskAll, folder: Path
) -> None:
    server.fail_look_status = 500
    failed = ask_all(make_provider(batch=True, retries=1), ["a", "b"])
    assert {completion.error for completion in failed.values()} == {"500: no good: Bearer ***, tried 2 times"}
    assert [note["batch_id"] for note in notes(folder)] == ["batch-0"]
    server.fail_look_status = 0
    assert ask_all(make_provider(batch=True), ["b", "a"])["a"].text == "a"
    assert len(server.batches) == 1


def test_too_many_requests_for_one_batch_are_several(
    server: Any, make_provider: Make, ask_all: AskAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_batches, "MOST_REQUESTS", 2)
    completions = ask_all(make_provider(batch=True), list("abcde"))
    assert {text: completion.text for text, completion in completions.items()} == {text: text for text in "abcde"}
    assert len(server.batches) == 3
    monkeypatch.setattr(openai_batches, "MOST_BYTES", 1)
    ask_all(make_provider(batch=True), list("xyz"))
    assert len(server.batches) == 6


def test_a_refused_batch_is_an_error_and_forgotten(server: Any, make_provider: Make, folder: Path) -> None:
    server.batch_status = "failed"
    with pytest.raises(BenchError, match=r"^openai: 127\.0\.0\.1:\d+ refuses batch batch-0: the file is empty$"):
        list(make_provider(batch=True).answer([ask("a", "test")]))
    assert notes(folder) == []


def test_a_batch_the_provider_lost_is_not_paid_again_unasked(server: Any, make_provider: Make, folder: Path) -> None:
    answers = make_provider(batch=True).answer([ask("a", "test")])
    next(answers)
    answers.close()
    server.batches.clear()
    with pytest.raises(BenchError, match=r"does not know batch batch-0; to ask again, delete .*\.json \(404"):
        list(make_provider(batch=True).answer([ask("a", "test")]))
    assert len(notes(folder)) == 1
    assert server.batches == []


def test_a_note_that_is_none(server: Any, make_provider: Make, folder: Path) -> None:
    folder.mkdir()
    (folder / "x.json").write_text("{")
    with pytest.raises(BenchError, match=r"x\.json: not the note of a batch; delete it"):
        list(make_provider(batch=True).answer([ask("a", "test")]))
    assert server.batches == []


def test_a_folder_that_cannot_be_written(server: Any, make_provider: Make, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BenchError, match=r"batch_folder: cannot write .*file"):
        list(make_provider(batch=True, batch_folder=tmp_path / "file").answer([ask("a", "test")]))
    assert server.batches == []
