"""Stored JSON that says which version of its form it has: read, or named with what to do about it."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from llmrec_bench.errors import BenchError

ModelT = TypeVar("ModelT", bound=BaseModel)


class _Version(BaseModel):
    schema_version: int


def read_versioned(path: Path, kind: type[ModelT], newest: int, what: str, form: str, remedy: str) -> ModelT | None:
    """What a file holds, or None where there is none.

    `newest` is the highest version this release reads, `form` what the version is one of, `remedy` what mends a
    corrupt file. Raises `BenchError` naming a file that is corrupt, from a newer version, or cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise BenchError(f"{path}: corrupt{what} ({error.reason}); {remedy}") from None
    except OSError as error:
        raise BenchError(f"{path}: cannot be read ({error.strerror}); choose --results DIR") from None
    try:
        version = _Version.model_validate_json(text).schema_version
        if version > newest:  # whose fields may be others, which is no reason to delete it
            raise BenchError(f"{path}: written by a newer llmrec-bench ({form} {version}); use that one")
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise BenchError(f"{path}: corrupt{what} ({where}: {first['msg']}); {remedy}") from None
