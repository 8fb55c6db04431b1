"""What a language model is asked: messages, what kind of answer they want, and the items they are about."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml

from llmrec_bench.errors import BenchError, suggest


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str

    def plain(self) -> dict[str, str]:
        """As chat interfaces take it."""
        return {"role": self.role, "content": self.content}


@dataclass(frozen=True)
class Prompt:
    """One request to a language model."""

    messages: tuple[Message, ...]
    family: str
    """What kind of answer is wanted, such as `item-facts`; costs and cassettes are listed by it."""
    items: tuple[str, ...] = ()
    """Tokens of the items shown, in order. They belong to the request: an answer is never handed to a prompt that
    reads the same but stands for other items."""
    sample: int = 0
    """Which of several independent answers to the same messages."""

    @property
    def characters(self) -> int:
        """Of all messages together."""
        return sum(len(message.content) for message in self.messages)

    def plain(self) -> dict[str, Any]:
        """As JSON values; what the cassette hashes."""
        return {
            "messages": [message.plain() for message in self.messages],
            "items": list(self.items),
            "sample": self.sample,
        }


def ask(text: str, family: str, items: tuple[str, ...] = (), sample: int = 0) -> Prompt:
    """A prompt of one user message."""
    return Prompt((Message("user", text),), family, items, sample)


_BLANK = re.compile(r"\{([a-z_]+)\}")
_HEADER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)


@dataclass(frozen=True)
class PromptFile:
    """A prompt's wording, kept as a text file beside the code that fills it.

    The file starts with a YAML header between two lines of `---`: `source` says where the wording comes from, and
    `reconstructed: true` that a paper does not print it. `{name}` in the text is a blank.
    """

    path: Path

    @cached_property
    def _parts(self) -> tuple[dict[str, Any], str]:
        try:
            whole = self.path.read_text(encoding="utf-8")
        except OSError as error:
            raise BenchError(f"{self.path}: the prompt cannot be read ({error.strerror})") from None
        header = _HEADER.match(whole)
        if header is None:
            raise BenchError(f"{self.path}: a prompt file starts with a header between two lines of ---")
        return yaml.safe_load(header[1]), whole[header.end() :].strip()

    @property
    def text(self) -> str:
        """The wording, blanks unfilled."""
        return self._parts[1]

    @property
    def source(self) -> str:
        """Where the wording comes from."""
        return str(self._parts[0].get("source", ""))

    @property
    def reconstructed(self) -> bool:
        """True where the paper does not print the prompt and the wording was made after its description."""
        return bool(self._parts[0].get("reconstructed", False))

    @property
    def hash(self) -> str:
        """Of the wording, 12 hex digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]

    def fill(self, values: Mapping[str, str]) -> str:
        """The wording with every blank filled. Raises `BenchError` for a blank without a value."""

        def value(blank: re.Match[str]) -> str:
            if blank[1] not in values:
                raise BenchError(f"{self.path}: nothing to fill {blank[0]} with{suggest(blank[1], values)}")
            return values[blank[1]]

        return _BLANK.sub(value, self.text)
