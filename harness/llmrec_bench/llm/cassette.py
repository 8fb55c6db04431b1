"""Every answer a language model gave, kept for good: asked once, played again for ever.

A cassette is a folder of segments, one for each process that ever wrote into it, or a single such file. A segment is
lines of JSON, each an answer, only ever appended to: several processes write at once without waiting for each other,
and a process that dies leaves at most one unfinished line, at the end, which counts as not recorded.
"""

import errno
import hashlib
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from llmrec_bench.errors import BenchError
from llmrec_bench.llm.language_model import Completion, Usage
from llmrec_bench.llm.prompt import Prompt

ENTRY_VERSION = 1
"""Of an entry's form; newer ones are refused."""

_START = b'{"key":"'

_LOCKS = 64
"""Files that calls share as locks; two different calls seldom meet in one, and only wait then."""


_JSON = json.JSONEncoder(sort_keys=True, ensure_ascii=False)
"""What is hashed."""
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
"""What is kept where it is short: a request is kept as it is hashed, to be written out once."""


class Asked:
    """Who is asked, written out once for all that is asked of it."""

    def __init__(self, identity: Mapping[str, Any]) -> None:
        """`identity` is everything but the prompt that decides an answer, as plain JSON values."""
        self.text, self.kept = _JSON.encode(dict(identity)), _COMPACT.encode(dict(identity))


class Request:
    """What is asked of whom, written out once for its key and its entry."""

    def __init__(self, asked: Asked, prompt: Prompt) -> None:
        self.asked, self.family, self.text = asked, prompt.family, _JSON.encode(prompt.plain())
        self.key = _key(asked.text, self.text)
        """32 hex digits over all that decides an answer: who is asked, and the prompt with its items and sample."""


def request_key(identity: Mapping[str, Any], prompt: Prompt) -> str:
    """The key of a model's answer to a prompt."""
    return Request(Asked(identity), prompt).key


def _key(identity: str, request: str) -> str:
    return _digest(f'{{"identity": {identity}, "request": {request}}}')[:32]


def _digest(text: str) -> str:
    return hashlib.sha256(_bytes(text)).hexdigest()


def _bytes(text: str) -> bytes:
    # A model may answer with half of a surrogate pair, which is no reason to lose its answer.
    return text.encode("utf-8", "surrogatepass")


@dataclass(frozen=True)
class Entry:
    """One recorded answer."""

    key: str
    identity: dict[str, Any]
    """Of the model that answered."""
    family: str
    completion: Completion
    recorded: str
    """When, as an ISO date or time; empty where unknown."""
    request: dict[str, Any] | None
    """The prompt as `Prompt.plain()` gives it; None where it must not be passed on, and the key alone is left."""

    def line(self) -> bytes:
        """As it stands in a segment, its check sum at the end."""
        asked, request = Asked(self.identity), _JSON.encode(self.request)
        return _line(self.key, self.family, self.completion, self.recorded, asked, request)

    @classmethod
    def read(cls, line: bytes, where: str) -> "Entry":
        """Raises `BenchError` for a line that is corrupt or of a newer form, saying `where` it stands."""
        try:
            plain = json.loads(line)
            version, total = plain["version"], plain.pop("sum")
        except (ValueError, KeyError, TypeError):
            raise _corrupt(where, "it is no entry") from None
        if isinstance(version, int) and version > ENTRY_VERSION:
            raise BenchError(f"{where}: written by a newer llmrec-bench (cassette entry {version}); use that one")
        if _digest(_JSON.encode(plain))[:16] != total:
            raise _corrupt(where, "its check sum does not fit")
        try:
            completion = Completion(
                plain["text"], plain["finish_reason"], Usage(**plain["usage"]), plain["seconds"], plain["error"]
            )
            key, identity, family = plain["key"], plain["identity"], plain["family"]
            return cls(key, identity, family, completion, plain["recorded"], plain["request"])
        except (KeyError, TypeError):
            raise _corrupt(where, "a field is missing or unknown") from None

    def check(self, where: str) -> None:
        """Raises `BenchError` where the key is not that of the request kept with it."""
        if self.request is not None and _key(Asked(self.identity).text, _JSON.encode(self.request)) != self.key:
            raise _corrupt(where, "its key is not that of its request")


def _line(key: str, family: str, completion: Completion, recorded: str, asked: Asked, request: str) -> bytes:
    """An entry's; `request` is JSON already."""
    usage = vars(completion.usage)
    told = {"family": family, **vars(completion), "usage": usage, "recorded": recorded}
    values = {"key": _JSON.encode(key), "version": str(ENTRY_VERSION), "identity": asked.text}
    values |= {name: _JSON.encode(value) for name, value in told.items()} | {"request": request}
    hashed = ", ".join([f'"{name}": {values[name]}' for name in sorted(values)])
    values |= {"identity": asked.kept, "usage": _COMPACT.encode(usage)}
    kept = ",".join([f'"{name}":{value}' for name, value in values.items()])
    return _bytes(f'{{{kept},"sum":"{_digest(f"{{{hashed}}}")[:16]}"}}\n')


def _corrupt(where: str, why: str) -> BenchError:
    return BenchError(f"{where}: corrupt entry, {why}; delete that line to have the answer asked again")


class Segment:
    """One file of entries."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._scanned = self._lines = 0

    def scan(self) -> Iterator[tuple[str, int, int, int]]:
        """(key, line number, offset, length in bytes) of the entries added since the last scan.

        Raises `BenchError` for a file that cannot be read and for a line that is no entry.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(self._scanned)
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # unfinished: its writer is at it, or died
                    if not line.startswith(_START) or len(line) < 50:
                        raise _corrupt(f"{self.path}:{self._lines + 1}", "it is no entry")
                    number, start = self.extend(len(line))
                    yield line[len(_START) : len(_START) + 32].decode("ascii", "replace"), number, start, len(line)
        except OSError as error:
            raise BenchError(f"{self.path}: the cassette cannot be read ({error.strerror})") from None

    def extend(self, length: int) -> tuple[int, int]:
        """Pass over a whole line behind those scanned; returns its number and its offset."""
        self._lines += 1
        start, self._scanned = self._scanned, self._scanned + length
        return self._lines, start

    def entry(self, number: int, offset: int, length: int) -> Entry:
        """Raises `BenchError` where the entry is corrupt or of a newer form."""
        with self.path.open("rb") as file:
            file.seek(offset)
            return Entry.read(file.read(length), f"{self.path}:{number}")

    @property
    def end(self) -> int:
        """Of the last whole line, in bytes from the start of the file."""
        return self._scanned

    @property
    def unfinished_bytes(self) -> int:
        """Behind the last whole line, after a scan."""
        return self.path.stat().st_size - self._scanned


class Cassette:
    """Recorded answers by key: those of a folder that is written to, and those of files that are only read."""

    def __init__(self, folder: Path | None, files: Iterable[Path] = ()) -> None:
        """Without a folder nothing can be recorded."""
        self._folder = folder
        self._files = [Segment(path) for path in files]
        self._segments: dict[Path, Segment] = {}
        self._index: dict[str, tuple[Segment, int, int, int]] = {}
        self._own: tuple[int, Segment] | None = None

    @property
    def folder(self) -> Path:
        """Where answers are recorded."""
        assert self._folder is not None  # files alone are only read
        return self._folder

    def __contains__(self, key: str) -> bool:
        """Whether an answer is recorded under a key, as of the last `refresh`."""
        return key in self._index

    def __len__(self) -> int:
        """Different answers, as of the last `refresh`."""
        return len(self._index)

    def refresh(self) -> None:
        """Learn what has been recorded since, by whomever."""
        for path in self._paths():
            self._segments.setdefault(path, Segment(path))
        for segment in [*self._files, *self._segments.values()]:
            for key, number, offset, length in segment.scan():
                self._index.setdefault(key, (segment, number, offset, length))

    def find(self, key: str) -> Entry | None:
        """The answer recorded under a key, as of the last `refresh`. Raises `BenchError` where it is corrupt."""
        if key not in self._index:
            return None
        segment, number, offset, length = self._index[key]
        entry = segment.entry(number, offset, length)
        entry.check(f"{segment.path}:{number}")
        if entry.key != key:
            raise _corrupt(f"{segment.path}:{number}", "its key is not where it belongs")
        return entry

    @contextmanager
    def asking(self, first: str) -> Iterator[None]:
        """Hold back every other process whose prompts begin with this key, such as another seed of the same method,
        until their answers are recorded. Raises `BenchError` where the folder cannot be written."""
        number = int(first[:8], 16) % _LOCKS
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / f".lock-{number:02}")
            lock.acquire()
        except OSError as error:
            raise BenchError(f"{self.folder}: the cassette cannot be written ({error.strerror})") from None
        try:
            yield
        finally:
            lock.release()

    def record(self, request: Request, completion: Completion) -> None:
        """Keep an answer. Raises `BenchError` where the disk is full or the folder cannot be written."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        line = _line(request.key, request.family, completion, now, request.asked, request.text)
        self._append(request.key, line)

    def write(self, entry: Entry) -> None:
        """Append an entry to this process's own segment. Raises `BenchError` as `record` does."""
        self._append(entry.key, entry.line())

    def _append(self, key: str, line: bytes) -> None:
        try:
            if self._own is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                path = self.folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:8]}.jsonl"
                file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)
                self._own = file, self._segments.setdefault(path, Segment(path))
            file, segment = self._own
            try:
                written = 0
                while written < len(line):
                    written += os.write(file, line[written:])
            except OSError:
                os.ftruncate(file, segment.end)  # what follows a broken line could not be read
                raise
            number, offset = segment.extend(len(line))
            self._index.setdefault(key, (segment, number, offset, len(line)))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise BenchError(
                    f"{self.folder}: the disk is full while recording; the answers recorded before are kept: "
                    "free space, then run again to go on"
                ) from None
            raise BenchError(f"{self.folder}: the cassette cannot be written ({error.strerror})") from None

    def close(self) -> None:
        """Let go of this process's own segment; another `record` begins a new one."""
        if self._own is not None:
            os.close(self._own[0])
            self._own = None

    def entries(self) -> Iterator[Entry]:
        """Every answer, once for each key, by key. Raises `BenchError` naming a corrupt one."""
        self.refresh()
        for key in sorted(self._index):
            entry = self.find(key)
            assert entry is not None  # it stands in the index
            yield entry

    def faults(self) -> Iterator[str]:
        """A line for everything that is wrong: corrupt or newer entries, and files that cannot be read."""
        for whole in self._anew():
            try:
                for key, number, offset, length in whole.scan():
                    try:
                        entry = whole.entry(number, offset, length)
                        entry.check(f"{whole.path}:{number}")
                        if entry.key != key:
                            raise _corrupt(f"{whole.path}:{number}", "its key is not where it belongs")
                    except BenchError as error:
                        yield str(error)
            except BenchError as error:
                yield str(error)

    def unfinished(self) -> Iterator[str]:
        """A line for every file without faults that ends in half an entry, which counts for nothing."""
        for whole in self._anew():
            for _ in whole.scan():
                pass
            if whole.unfinished_bytes:
                yield f"{whole.path}: ends in an unfinished entry, of a killed process; it counts for nothing"

    def _anew(self) -> list[Segment]:
        """Every file, nothing of it scanned yet."""
        return [Segment(path) for path in (*(file.path for file in self._files), *self._paths())]

    def _paths(self) -> list[Path]:
        return [] if self._folder is None else sorted(self._folder.glob("*.jsonl"))
