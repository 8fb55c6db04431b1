"""Which batches are under way, kept on disk: who is stopped and starts again need not pay again."""

import hashlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from pydantic import BaseModel, ValidationError

from llmrec_bench import BenchError


class BatchNote(BaseModel):
    """A batch that was handed in, or is about to be."""

    requests: list[str]
    """Keys of its requests."""
    file_id: str
    """The provider's name for the uploaded requests."""
    batch_id: str | None = None
    """The provider's name for the batch; None while there may or may not be one."""


class BatchNotes:
    """One file for each batch, named by a hash of its requests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, note: BatchNote) -> Path:
        """Where the note is."""
        digest = hashlib.sha256("\n".join(note.requests).encode()).hexdigest()[:16]
        return self._folder / f"{digest}.json"

    def holding(self, requests: Collection[str]) -> Iterator[BatchNote]:
        """The notes with any of these requests. Raises `BenchError` for a file that cannot be read."""
        for path in sorted(self._folder.glob("*.json")):
            try:
                note = BatchNote.model_validate_json(path.read_bytes())
            except FileNotFoundError:
                continue  # another process has just had its answers
            except (OSError, ValidationError):
                raise BenchError(f"{path}: not the note of a batch; delete it") from None
            if not set(note.requests).isdisjoint(requests):
                yield note

    def write(self, note: BatchNote) -> None:
        """Keep the note: the whole of it, or what was there before. Raises `BenchError` where that cannot be done."""
        path = self.path(note)
        aside = path.with_suffix(f".{os.getpid()}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            aside.write_text(note.model_dump_json(), encoding="utf-8")
            aside.replace(path)
        except OSError as error:
            raise BenchError(f"batch_folder: cannot write {aside} ({error.strerror})") from None

    def delete(self, note: BatchNote) -> None:
        """Forget the batch; no matter if another process has."""
        self.path(note).unlink(missing_ok=True)
