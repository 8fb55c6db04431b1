"""Where requests go, and the key they carry."""

import ipaddress
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from llmrec_bench import BenchError

if TYPE_CHECKING:
    from aiohttp import ClientSession
    from openai import AsyncOpenAI

DEFAULT_URL = "https://api.openai.com/v1"
CONNECT_SECONDS = 10.0
_ACCOUNTS = {"OpenAI-Organization": "OPENAI_ORG_ID", "OpenAI-Project": "OPENAI_PROJECT_ID"}
"""Headers that say who pays where a key has several, and the environment variables they come from; the openai package
reads the same."""
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

    def session(self, timeout_seconds: float) -> "ClientSession":
        """Connections to the server that carry plain requests, for a third of the processor's time that they take
        through the openai package; each has this long for its whole answer. To be opened inside a running event
        loop."""
        import aiohttp

        headers = {name: value for name, variable in _ACCOUNTS.items() if (value := os.environ.get(variable))}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),  # who asks knows how many may be under way
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=_connect_seconds(timeout_seconds)),
            headers={"Content-Type": "application/json", **headers},
            proxy=self._proxy(),
        )

    def client(self, timeout_seconds: float) -> "AsyncOpenAI":
        """The openai package's connections to the server. They try once only: tries are counted and spaced in
        `Retries`."""
        try:
            import openai
        except ImportError:
            raise BenchError("openai: the package is not installed; pip install openai") from None
        timeout = openai.Timeout(timeout_seconds, connect=_connect_seconds(timeout_seconds))
        key = self.key or "none"  # the package refuses to start without one
        carrier = openai.DefaultAioHttpClient(timeout=timeout)
        return openai.AsyncOpenAI(
            api_key=key, base_url=self.base_url, timeout=timeout, max_retries=0, http_client=carrier
        )

    def _proxy(self) -> str | None:
        # Found once: aiohttp's `trust_env` looks anew for each request, in other threads.
        parts = urlsplit(self.base_url)
        return None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)

    def excerpt(self, text: str) -> str:
        """The beginning of a server's message on one line, without the key."""
        line = " ".join(text.split())
        if self.key:
            line = line.replace(self.key, "***")
        return line if len(line) <= LONGEST_EXCERPT else line[: LONGEST_EXCERPT - 1] + "…"

    def without_key(self, text: str) -> str:
        """An answer as it may be kept. A word such as `none`, given to a server that wants no key, stays."""
        return text.replace(self.key, "***") if len(self.key) >= SHORTEST_SECRET else text


def _connect_seconds(timeout_seconds: float) -> float:
    # Half of the time, so that a host that cannot be reached is not taken for one that is slow.
    return min(CONNECT_SECONDS, timeout_seconds / 2)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
