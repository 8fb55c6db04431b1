"""Opening files that may be gzipped; the first bytes decide, not the name."""

import gzip
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa

from llmrec_bench import BenchError

_GZIP_MAGIC = b"\x1f\x8b"


def open_arrow(path: Path) -> Any:
    """A pyarrow input stream of the plain bytes.

    Raises `BenchError` for a folder, an unreadable file and an empty one.
    """
    _require_readable(path)
    file = pa.OSFile(str(path))
    return pa.CompressedInputStream(file, "gzip") if _is_gzip(path) else file


def open_bytes(path: Path) -> BinaryIO:
    """A file object over the plain bytes; raises as `open_arrow`."""
    _require_readable(path)
    return cast(BinaryIO, gzip.open(path, "rb")) if _is_gzip(path) else path.open("rb")


def text_lines(path: Path) -> Iterator[str]:
    """The lines as text with their line ends, one at a time: for headers, small files and looking for a mistake.

    Raises `BenchError` naming the line that is not UTF-8, and for a damaged gzip file.
    """
    with open_bytes(path) as file:
        try:
            for number, line in enumerate(file, start=1):
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise BenchError(f"{path}: line {number} is not UTF-8 text; convert the file to UTF-8") from error
        except (OSError, EOFError) as error:
            raise damaged(path, error) from error


def first_lines(path: Path, count: int) -> list[str]:
    """Up to `count` lines without their line ends; none where the file is no readable text."""
    try:
        return [line.rstrip("\r\n") for line in itertools.islice(text_lines(path), count)]
    except BenchError:
        return []


def damaged(path: Path, error: Exception) -> BenchError:
    """The error to raise for a file that cannot be read to its end."""
    return BenchError(f"{path}: cannot be read to its end ({error}); the file is damaged or cut short")


def _require_readable(path: Path) -> None:
    if path.is_dir():
        raise BenchError(f"{path}: is a folder; give the path of a file")
    try:
        if not path.stat().st_size:
            raise BenchError(f"{path}: the file is empty")
        path.open("rb").close()
    except OSError as error:
        raise BenchError(f"{path}: cannot be opened ({error.strerror})") from error


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == _GZIP_MAGIC
