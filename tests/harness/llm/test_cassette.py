"""Recorded answers: nothing is lost, nothing is handed to the wrong prompt, and what is corrupt is named."""

import hashlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrec_bench.cli import main
from llmrec_bench.errors import BenchError
from llmrec_bench.llm.archive import export, holdings, import_file
from llmrec_bench.llm.cassette import Asked, Cassette, Entry, Request, request_key
from llmrec_bench.llm.language_model import Completion, Usage
from llmrec_bench.llm.prompt import Message, Prompt, ask

IDENTITY = {"version": "1", "provider": "clerk", "model": "quill", "temperature": 0.5}
ASKED = Asked(IDENTITY)

STRANGE = [
    "plain",
    "",
    "zwei\nZeilen\r\nund\tTab",
    "line\u2028separator\u2029paragraph\x85next\x0bvertical\x0cform",
    'quotes " and \\ and {"key":"x"}',
    "漢字 🎬 é e\u0301 \u202e",
    "\x00\x1f\x7f",
    "half of a pair: \ud83c",
]


def completion(text: str = "an answer") -> Completion:
    return Completion(text, "stop", Usage(7, 3, 2), 0.25)


def recorded(folder: Path, count: int = 3) -> list[Prompt]:
    prompts = [ask(f"prompt {i}", "note", (f"item {i}",)) for i in range(count)]
    cassette = Cassette(folder)
    for i, prompt in enumerate(prompts):
        cassette.record(Request(ASKED, prompt), completion(f"answer {i}"))
    return prompts


def segment(folder: Path) -> Path:
    [path] = folder.glob("*.jsonl")
    return path


def find(folder: Path, prompt: Prompt) -> Entry | None:
    cassette = Cassette(folder)
    cassette.refresh()
    return cassette.find(request_key(IDENTITY, prompt))


@pytest.mark.parametrize("text", STRANGE, ids=range(len(STRANGE)))
def test_what_is_recorded_comes_back(tmp_path, text):
    answer = Completion(text, "length", Usage(None, 5, None), None)
    prompt = Prompt((Message("system", text), Message("user", "and?")), "note", (text, "2"), sample=3)
    cassette = Cassette(tmp_path / "new" / "folder")
    cassette.record(Request(ASKED, prompt), answer)
    cassette.record(Request(ASKED, ask("another", "note")), completion())
    entry = find(cassette.folder, prompt)
    assert entry is not None
    assert entry.completion == answer
    assert (entry.identity, entry.family, entry.request) == (IDENTITY, "note", prompt.plain())
    assert segment(cassette.folder).read_bytes().count(b"\n") == 2
    assert list(cassette.faults()) == []


@pytest.mark.parametrize("text", STRANGE, ids=range(len(STRANGE)))
def test_a_line_is_plain_json_with_a_check_sum_over_the_rest(text):
    identity, prompt = {"model": text, "seed": None, "top_p": 0.5}, ask(text, "note", (text,))
    line = Entry(request_key(identity, prompt), identity, text, completion(text), "2026-11-01", prompt.plain()).line()
    plain = json.loads(line)
    total = plain.pop("sum")
    hashed = json.dumps(plain, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert total == hashlib.sha256(hashed).hexdigest()[:16]
    assert line.startswith(f'{{"key":"{plain["key"]}","version":1,'.encode())
    assert line.endswith(f',"sum":"{total}"}}\n'.encode())
    asked = {"identity": identity, "request": prompt.plain()}
    asked_text = json.dumps(asked, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert plain["key"] == hashlib.sha256(asked_text).hexdigest()[:32]


def test_own_answers_are_found_at_once_and_read_once(tmp_path):
    cassette = Cassette(tmp_path)
    prompts = [ask(str(i), "note") for i in range(3)]
    for i, prompt in enumerate(prompts):
        cassette.record(Request(ASKED, prompt), completion(f"answer {i}"))
        Cassette(tmp_path).record(Request(ASKED, ask(f"another's {i}", "note")), completion())
    found = [cassette.find(request_key(IDENTITY, prompt)) for prompt in prompts]
    assert [entry and entry.completion.text for entry in found] == ["answer 0", "answer 1", "answer 2"]
    assert len(cassette) == 3
    cassette.refresh()
    assert len(cassette) == 6
    assert list(cassette.faults()) == []


def test_the_key_is_over_what_decides_an_answer_and_nothing_else():
    base = Prompt((Message("system", "be brief"), Message("user", "hello")), "note", ("a", "b"), 0)
    key = request_key(IDENTITY, base)
    assert len(key) == 32
    assert int(key, 16) >= 0
    same = [
        request_key(IDENTITY, replace(base, family="other")),
        request_key(dict(reversed(IDENTITY.items())), base),
    ]
    assert set(same) == {key}
    others = [
        request_key({**IDENTITY, "temperature": 0.6}, base),
        request_key({**IDENTITY, "version": "2"}, base),
        request_key({**IDENTITY, "seed": None}, base),
        request_key(IDENTITY, replace(base, sample=1)),
        request_key(IDENTITY, replace(base, items=("b", "a"))),
        request_key(IDENTITY, replace(base, items=("ab",))),
        request_key(IDENTITY, replace(base, items=())),
        request_key(IDENTITY, replace(base, messages=base.messages[::-1])),
        request_key(IDENTITY, replace(base, messages=base.messages[1:])),
        request_key(IDENTITY, replace(base, messages=(Message("user", "be brief"), base.messages[1]))),
        request_key(IDENTITY, replace(base, messages=(base.messages[0], Message("user", "hello ")))),
    ]
    assert len({key, *others}) == 1 + len(others)


def test_a_reader_sees_what_others_wrote_after_a_refresh(tmp_path):
    reader, writer = Cassette(tmp_path), Cassette(tmp_path)
    first, second = ask("first", "note"), ask("second", "note")
    writer.record(Request(ASKED, first), completion("1"))
    reader.refresh()
    writer.record(Request(ASKED, second), completion("2"))
    Cassette(tmp_path).record(Request(ASKED, first), completion("another answer to the first"))
    assert reader.find(request_key(IDENTITY, second)) is None
    reader.refresh()
    found = [reader.find(request_key(IDENTITY, prompt)) for prompt in (first, second)]
    assert [entry.completion.text for entry in found if entry] == ["1", "2"]
    assert len(reader) == 2


def test_files_that_come_with_a_provider_are_read_and_not_written(tmp_path):
    prompts = recorded(tmp_path / "theirs")
    shipped = segment(tmp_path / "theirs")
    before = shipped.read_bytes()
    cassette = Cassette(tmp_path / "ours", [shipped])
    cassette.record(Request(ASKED, ask("new", "note")), completion())
    cassette.refresh()
    assert len(cassette) == len(prompts) + 1
    assert shipped.read_bytes() == before


def test_a_closed_cassette_keeps_no_file_open(tmp_path):
    handles = Path("/proc/self/fd")
    before = len(list(handles.iterdir()))
    for i in range(20):
        cassette = Cassette(tmp_path)
        cassette.record(Request(ASKED, ask(str(i), "note")), completion())
        cassette.close()
        cassette.close()
    assert len(list(handles.iterdir())) == before
    assert len(list(Cassette(tmp_path).entries())) == 20


WRITER = """
import sys
from pathlib import Path
from llmrec_bench.llm.cassette import Asked, Cassette, Request
from llmrec_bench.llm.language_model import Completion, Usage
from llmrec_bench.llm.prompt import ask
folder, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
cassette = Cassette(folder)
print("ready", flush=True)
for i in range(count):
    prompt = ask(f"prompt {name} {i}", "note", (str(i),))
    answer = Completion(f"{name} {i} " + "lang\\u2028" * (i % 50), "stop", Usage(i, i), 0.5)
    cassette.record(Request(Asked({"model": "quill"}), prompt), answer)
    print(i, flush=True)
"""


def writer(folder: Path, name: str, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(folder), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_several_processes_write_at_once_and_lose_nothing(tmp_path):
    writers = [writer(tmp_path, str(n), 200) for n in range(4)]
    for process in writers:
        process.communicate(timeout=60)
        assert process.returncode == 0
    cassette = Cassette(tmp_path)
    texts = {entry.completion.text.strip("lang\u2028") for entry in cassette.entries()}
    assert texts == {f"{n} {i} " for n in range(4) for i in range(200)}
    assert list(cassette.faults()) == []


def test_a_killed_writer_loses_no_earlier_answer(tmp_path):
    clock = random.Random(3)
    for n in range(3):
        process = writer(tmp_path, str(n), 1_000_000)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(clock.uniform(0.02, 0.3))
        process.kill()
        said = process.stdout.read()
        process.wait()
        told = len(said.splitlines()) - (not said.endswith("\n"))
        cassette = Cassette(tmp_path)
        cassette.refresh()
        for i in range(told):
            key = request_key({"model": "quill"}, ask(f"prompt {n} {i}", "note", (str(i),)))
            entry = cassette.find(key)
            assert entry is not None
            assert entry.completion.usage.prompt_tokens == i
        assert told > 0


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_a_torn_last_line_counts_as_not_recorded(tmp_path, cut):
    prompts = recorded(tmp_path)
    path = segment(tmp_path)
    path.write_bytes(path.read_bytes()[:-cut])
    assert [find(tmp_path, prompt) is not None for prompt in prompts] == [True, True, False]
    cassette = Cassette(tmp_path)
    cassette.refresh()
    cassette.record(Request(ASKED, prompts[2]), completion("asked again"))
    again = find(tmp_path, prompts[2])
    assert again is not None
    assert again.completion.text == "asked again"
    assert len(list(tmp_path.glob("*.jsonl"))) == 2
    assert list(cassette.faults()) == []
    [line] = cassette.unfinished()
    assert line == f"{path}: ends in an unfinished entry, of a killed process; it counts for nothing"


def test_a_line_that_is_still_being_written_is_read_when_it_is_whole(tmp_path):
    prompts = recorded(tmp_path)
    path = segment(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    reader = Cassette(tmp_path)
    reader.refresh()
    assert len(reader) == 2
    path.write_bytes(whole)
    reader.refresh()
    assert len(reader) == 3
    last = reader.find(request_key(IDENTITY, prompts[2]))
    assert last is not None
    assert last.completion.text == "answer 2"


def with_other_key(line: bytes) -> bytes:
    """A whole entry, with a good sum, of another request than its key says."""
    entry = Entry.read(line, "")
    assert entry.request is not None
    return replace(entry, request={**entry.request, "sample": 5}).line()


CORRUPT: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "flipped letter": (lambda line: line.replace(b"answer 1", b"answer 7"), "its check sum does not fit"),
    "no UTF-8": (lambda line: line.replace(b"answer 1", b"answer \xff"), "it is no entry"),
    "cut": (lambda line: line[:90] + b"\n", "it is no entry"),
    "lost line end": (lambda line: line[:-1], "it is no entry"),
    "wrong sum": (lambda line: line[:-19] + b"0" * 16 + line[-3:], "its check sum does not fit"),
    "other request": (with_other_key, "its key is not that of its request"),
    "changed number": (lambda line: line.replace(b'"prompt_tokens":7', b'"prompt_tokens":1'), "its check sum"),
}


@pytest.mark.parametrize(("harm", "reason"), CORRUPT.values(), ids=CORRUPT)
def test_a_corrupt_entry_is_named(tmp_path, harm, reason):
    prompts = recorded(tmp_path)
    path = segment(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    assert harm(lines[1]) != lines[1]
    path.write_bytes(lines[0] + harm(lines[1]) + lines[2])
    with pytest.raises(BenchError) as raised:
        find(tmp_path, prompts[1])
    message = str(raised.value)
    assert message.startswith(f"{path}:2: corrupt entry, {reason}")
    assert message.endswith("delete that line to have the answer asked again")
    assert "\n" not in message
    assert list(Cassette(tmp_path).faults()) == [message]
    first = find(tmp_path, prompts[0])
    assert first is not None
    assert first.completion.text == "answer 0"


@pytest.mark.parametrize("junk", [b"\n", b"hello\n", b'["key"]\n', b'{"key":"short"}\n'])
def test_a_line_that_is_no_entry_is_named_again_and_again(tmp_path, junk):
    recorded(tmp_path)
    path = segment(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + junk + lines[2])
    cassette = Cassette(tmp_path)
    for _ in range(2):
        with pytest.raises(BenchError, match=":2: corrupt entry, it is no entry"):
            cassette.refresh()
    assert len(list(cassette.faults())) == 1


def test_a_line_deleted_as_told_is_asked_again(tmp_path):
    prompts = recorded(tmp_path)
    path = segment(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    assert [find(tmp_path, prompt) is not None for prompt in prompts] == [True, False, True]


def test_a_newer_entry_is_refused_as_newer(tmp_path):
    prompts = recorded(tmp_path)
    path = segment(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"version":1,', b'"version":2,', 1))
    with pytest.raises(BenchError) as raised:
        find(tmp_path, prompts[0])
    assert str(raised.value) == f"{path}:1: written by a newer llmrec-bench (cassette entry 2); use that one"


FULL = """
import resource, signal, sys
from pathlib import Path
from llmrec_bench.errors import BenchError
from llmrec_bench.llm.cassette import Asked, Cassette, Request
from llmrec_bench.llm.language_model import Completion
from llmrec_bench.llm.prompt import ask
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
asked, cassette, stored = Asked({"model": "quill"}), Cassette(Path(sys.argv[1])), 0
try:
    while True:
        cassette.record(Request(asked, ask(f"prompt {stored}", "note")), Completion("x" * 300, "stop"))
        stored += 1
except BenchError as error:
    print(stored)
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
cassette.record(Request(asked, ask(f"prompt {stored}", "note")), Completion("room again", "stop"))
"""


def test_a_full_disk_is_one_line_and_costs_no_earlier_answer(tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    stored, message = done.stdout.splitlines()
    assert message.startswith(f"{tmp_path}: the disk is full while recording; the answers recorded before are kept")
    cassette = Cassette(tmp_path)
    found = list(cassette.entries())
    assert int(stored) > 3
    assert len(found) == int(stored) + 1
    assert list(cassette.faults()) == []


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match=r"file/cassette: the cassette cannot be written \("):
        Cassette(tmp_path / "file" / "cassette").record(Request(ASKED, ask("x", "note")), completion())


@settings(max_examples=25, deadline=None)
@given(
    order=st.permutations(range(12)),
    homes=st.lists(st.integers(0, 3), min_size=12, max_size=12),
    shipped=st.integers(0, 3),
)
def test_the_order_and_the_segments_change_no_answer(tmp_path_factory, order, homes, shipped):
    folder = tmp_path_factory.mktemp("cassette")
    entries = []
    for i in range(12):
        prompt = ask(f"prompt {i % 10}", "note", (str(i % 10),))  # two are recorded twice
        answer = completion(f"answer {i % 10}")
        entries.append(Entry(request_key(IDENTITY, prompt), IDENTITY, "note", answer, "", prompt.plain()))
    for i in order:
        path = folder / ("shipped" if homes[i] == shipped else f"{homes[i]}.jsonl")
        with path.open("ab") as file:
            file.write(entries[i].line())
    cassette = Cassette(folder, [folder / "shipped"] if (folder / "shipped").exists() else [])
    found = {entry.key: entry.completion.text for entry in cassette.entries()}
    assert found == {entry.key: entry.completion.text for entry in entries}
    assert list(found) == sorted(found)


def test_export_and_import_round_trip(tmp_path):
    prompts = recorded(tmp_path / "a")
    Cassette(tmp_path / "a").record(Request(ASKED, ask(STRANGE[3], "other")), Completion(STRANGE[5], "stop"))
    file = tmp_path / "handed-on.jsonl"
    assert export(Cassette(tmp_path / "a"), file, with_prompts=True) == 4
    mine = Cassette(tmp_path / "b")
    mine.record(Request(ASKED, prompts[0]), completion("mine, and it stays"))
    assert import_file(mine, file) == (3, 1)
    assert import_file(Cassette(tmp_path / "b"), file) == (0, 4)
    one = {e.key: e for e in Cassette(tmp_path / "a").entries()}
    two = {e.key: e for e in Cassette(tmp_path / "b").entries()}
    key = request_key(IDENTITY, prompts[0])
    assert two.pop(key).completion.text == "mine, and it stays"
    del one[key]
    assert one == two
    with pytest.raises(BenchError, match="exists already; choose another name"):
        export(Cassette(tmp_path / "a"), file, with_prompts=True)


def test_exported_without_prompts_it_still_answers(tmp_path):
    prompts = recorded(tmp_path / "a")
    file = tmp_path / "answers.jsonl"
    export(Cassette(tmp_path / "a"), file, with_prompts=False)
    assert b"prompt 1" not in file.read_bytes()
    assert import_file(Cassette(tmp_path / "b"), file) == (3, 0)
    entry = find(tmp_path / "b", prompts[1])
    assert entry is not None
    assert (entry.completion.text, entry.request) == ("answer 1", None)
    [held] = holdings(Cassette(tmp_path / "b").entries())
    assert (held.answers, held.without_prompts, held.prompt_tokens, held.completion_tokens) == (3, 3, 21, 9)
    assert (held.provider, held.model, held.family) == ("clerk", "quill", "note")


@pytest.mark.parametrize("harm", [lambda text: text.replace(b"answer 2", b"answer 9"), lambda text: text[:-9]])
def test_a_corrupt_file_is_refused_before_anything_is_written(tmp_path, harm):
    recorded(tmp_path / "a")
    file = tmp_path / "handed-on.jsonl"
    export(Cassette(tmp_path / "a"), file, with_prompts=True)
    file.write_bytes(harm(file.read_bytes()))
    with pytest.raises(BenchError, match=r"handed-on.jsonl"):
        import_file(Cassette(tmp_path / "b"), file)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("place", ["no/such/folder/file", "a-file/file"])
def test_an_export_that_cannot_be_written_is_one_line(tmp_path, place):
    recorded(tmp_path / "a")
    (tmp_path / "a-file").write_text("")
    with pytest.raises(BenchError, match=r"file: cannot be written \("):
        export(Cassette(tmp_path / "a"), tmp_path / place, with_prompts=True)


def test_a_corrupt_cassette_leaves_no_half_export(tmp_path):
    recorded(tmp_path / "a")
    path = segment(tmp_path / "a")
    path.write_bytes(path.read_bytes().replace(b"answer 2", b"answer 9"))
    with pytest.raises(BenchError, match=":3: corrupt entry"):
        export(Cassette(tmp_path / "a"), tmp_path / "out.jsonl", with_prompts=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a"]


def test_the_commands(tmp_path, capsys):
    def bench(*arguments: str | Path) -> tuple[int | str | None, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["cassette", *map(str, arguments)])
        return (stop.value.code, *capsys.readouterr())

    recorded(tmp_path / "newer corrupt")
    folder = tmp_path / "newer corrupt"  # names that stand in the messages, too
    path = segment(folder)
    torn = path.read_bytes()[:-5]
    path.write_bytes(torn)
    status, out, _ = bench("verify", folder)
    assert status == 0
    assert out.splitlines()[0].endswith("ends in an unfinished entry, of a killed process; it counts for nothing")
    assert out.splitlines()[1] == "2 answers, every one whole"
    _, out, _ = bench("stats", "--cassette", folder, "--json")
    mine = [held for held in json.loads(out)["answers"] if held["where"] == str(folder)]
    assert [(held["model"], held["family"], held["answers"]) for held in mine] == [("quill", "note", 2)]
    _, out, _ = bench("stats", "--cassette", folder)
    assert "quill" in out
    file = tmp_path / "out.jsonl"
    assert bench("export", file, "--cassette", folder) == (0, f"2 answers written to {file}\n", "")
    assert bench("verify", file)[:2] == (0, "2 answers, every one whole\n")
    added = f"2 answers added to {tmp_path / 'b'}, 0 were there already\n"
    assert bench("import", file, "--cassette", tmp_path / "b") == (0, added, "")
    path.write_bytes(torn.replace(b"answer 1", b"answer 2"))
    status, out, _ = bench("verify", folder)
    assert status == 1
    assert out.startswith(f"{path}:2: corrupt entry")
    status, out, errors = bench("export", tmp_path / "x.jsonl", "--cassette", tmp_path / "none")
    assert (status, out) == (2, "")
    assert errors.startswith(f"bench: {tmp_path / 'none'}: no such cassette")
