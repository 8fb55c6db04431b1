"""What a provider's errors mean: for all requests, for one request, or for a while."""

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from llmrec_bench_plugins.llms.openai_endpoint import Endpoint

if TYPE_CHECKING:
    import aiohttp
    import openai

Failure: TypeAlias = "StatusError | aiohttp.ClientError | TimeoutError | openai.APIError"
"""What a try may end with."""

PASSING = {408, 409, 425, 429}
"""Statuses that may be another the next time, besides those from 500 on."""


class RequestFailed(Exception):
    """One request has no answer, whatever becomes of the others; the message is one line."""


class StatusError(Exception):
    """A response that says why there is no answer, read as the openai package reads it."""

    def __init__(self, response: "aiohttp.ClientResponse", content: bytes) -> None:
        super().__init__(f"status {response.status}")
        self.status_code, self.response = response.status, response
        self.body: Any = content.decode(errors="replace")
        with suppress(ValueError):
            self.body = json.loads(self.body)
        details = self.body if isinstance(self.body, dict) else {}
        if isinstance(details.get("error"), dict):
            details = details["error"]
        self.code, self.type = details.get("code"), details.get("type")


def hopeless(error: Failure, endpoint: Endpoint, not_found: str) -> str | None:
    """Why no request can succeed, in one line; None where others may. `not_found` is what a 404 means."""
    status, code = getattr(error, "status_code", None), getattr(error, "code", None)
    host, variable = endpoint.host, endpoint.key_variable
    if status == 402 or "insufficient_quota" in (code, getattr(error, "type", None)):
        return f"{host}: the quota of the key in {variable} is used up ({told(error, endpoint)})"
    if status == 404 or code == "model_not_found":
        return f"{host} {not_found} ({told(error, endpoint)})"
    # A server's own words on a wrong key tend to show pieces of it.
    if status == 401 and endpoint.key:
        return f"{host} refuses the key in the environment variable {variable} (401)"
    if status == 401:
        return f"{host} wants a key: set the environment variable {variable} (401)"
    if status == 403:
        return f"{host} denies access with the key in {variable} ({told(error, endpoint)})"
    return None


def may_pass(error: Failure) -> bool:
    """True where the same request may be answered the next time: a busy or broken server, no answer, no connection."""
    status = getattr(error, "status_code", None)
    return status is None or status in PASSING or status >= 500


def unreachable(error: Failure) -> bool:
    """True where there was no connection to begin with."""
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return True
    # By name: the package has changed its HTTP library before, and not the names.
    return type(error.__cause__).__name__ in ("ConnectError", "ConnectTimeout")


def told(error: Failure, endpoint: Endpoint) -> str:
    """What went wrong with a request, in one line: the server's words where there are any."""
    if isinstance(error, TimeoutError) or type(error).__name__ == "APITimeoutError":
        return "no answer within timeout_seconds"
    status = getattr(error, "status_code", None)
    if status is not None:
        return endpoint.excerpt(f"{status}: {words(getattr(error, 'body', None))}")
    return endpoint.excerpt(f"connection lost: {cause_of(error)}")


def cause_of(error: Failure) -> str:
    """What is behind a failed connection; the openai package hides it."""
    return str(error.__cause__ if type(error).__name__.startswith("API") and error.__cause__ else error)


def words(body: object) -> str:
    """A server's message, from the JSON of its error or whatever else it sent."""
    if isinstance(body, dict):
        for name in ("error", "message", "detail"):
            if body.get(name):
                return words(body[name])
    return str(body or "no reason given")


def wait_asked_seconds(headers: Mapping[str, str]) -> float | None:
    """How long the server asks to wait, by `Retry-After` in seconds or as a date, or `retry-after-ms`; None where it
    does not say."""
    for name, in_a_second in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            seconds = float(headers[name]) / in_a_second
        except (KeyError, ValueError, OverflowError):
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    try:
        date = parsedate_to_datetime(headers["retry-after"])
    except (KeyError, ValueError, OverflowError):
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
