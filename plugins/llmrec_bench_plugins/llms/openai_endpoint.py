"""Where requests go, and the key they carry."""

import ipaddress
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from llmrec_bench import BenchError

if TYPE_CHECKING:
    from openai import AsyncOpenAI

DEFAULT_URL = "https://api.openai.com/v1"
CONNECT_SECONDS = 10.0
LONGEST_EXCERPT = 300
SHORTEST_SECRET = 12


def checked_url(url: str) -> str:
    """The URL without a slash at its end. Raises ValueError where it is none, or holds what belongs into a key."""
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("should hold no password and no query: the key belongs into the environment")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"should be like 'http://127.0.0.1:8000/v1', not '{url}'")
    return url.rstrip("/")


def base_url(given: str | None) -> str:
    """The URL given, else that in OPENAI_BASE_URL, else OpenAI's."""
    if given is not None:
        return given
    try:
        return checked_url(os.environ.get("OPENAI_BASE_URL") or DEFAULT_URL)
    except ValueError as error:
        raise BenchError(f"the environment variable OPENAI_BASE_URL {error}") from None


@dataclass(frozen=True)
class Endpoint:
    """A server and the key to it. The key is in no text that comes from here."""

    base_url: str
    key_variable: str
    key: str = field(repr=False)
    """Empty where none is needed."""

    @classmethod
    def find(cls, base_url: str, key_variable: str) -> "Endpoint":
        """With the key from the environment. Raises `BenchError` where there is none, unless the server is on this
        machine."""
        key = os.environ.get(key_variable, "").strip()
        if not key and not _is_loopback(urlsplit(base_url).hostname or ""):
            raise BenchError(f"openai: no key: set the environment variable {key_variable}")
        if not key.isascii() or not key.isprintable():
            raise BenchError(f"openai: the key in {key_variable} holds characters that no key has; copy it again")
        return cls(base_url, key_variable, key)

    @property
    def host(self) -> str:
        """Name and port."""
        return urlsplit(self.base_url).netloc

    def client(self, timeout_seconds: float) -> "AsyncOpenAI":
        """Connections to the server. They try once only: tries are counted and spaced in `Retries`."""
        try:
            import openai
        except ImportError:
            raise BenchError("openai: the package is not installed; pip install openai") from None
        # Half of the time, so that a host that cannot be reached is not taken for one that is slow.
        timeout = openai.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds / 2))
        key = self.key or "none"  # the package refuses to start without one
        # aiohttp carries a request for less of the processor's time than the package's default does.
        carrier = openai.DefaultAioHttpClient(timeout=timeout)
        return openai.AsyncOpenAI(
            api_key=key, base_url=self.base_url, timeout=timeout, max_retries=0, http_client=carrier
        )

    def excerpt(self, text: str) -> str:
        """The beginning of a server's message on one line, without the key."""
        line = " ".join(text.split())
        if self.key:
            line = line.replace(self.key, "***")
        return line if len(line) <= LONGEST_EXCERPT else line[: LONGEST_EXCERPT - 1] + "…"

    def without_key(self, text: str) -> str:
        """An answer as it may be kept. A word such as `none`, given to a server that wants no key, stays."""
        return text.replace(self.key, "***") if len(self.key) >= SHORTEST_SECRET else text


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
