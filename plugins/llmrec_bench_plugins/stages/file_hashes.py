"""SHA-256 of large files, each read once a process."""

import hashlib
from functools import lru_cache
from pathlib import Path


def file_hash(file: Path) -> str:
    """64 hex digits. Read again where the file's size or time has changed."""
    about = file.stat()
    return _hash(file, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=256)  # identities are asked for many times, and weights are large
def _hash(file: Path, size: int, changed_ns: int) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
