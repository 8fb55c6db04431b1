"""The five calls of OpenAI's batch interface that a batch needs."""

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from llmrec_bench import Completion
from llmrec_bench_plugins.llms.chat_answers import read_answer
from llmrec_bench_plugins.llms.openai_endpoint import Endpoint
from llmrec_bench_plugins.llms.openai_errors import RequestFailed, words
from llmrec_bench_plugins.llms.retries import Retries

if TYPE_CHECKING:
    from openai import AsyncOpenAI

CHAT: Final = "/v1/chat/completions"
ENDED = {"completed", "failed", "expired", "cancelled"}
NO_BATCHES = "has no batch endpoint"


class _Named(BaseModel):
    id: str


class _Mistake(BaseModel):
    message: str | None = None


class _Mistakes(BaseModel):
    data: list[_Mistake] | None = None


class Batch(_Named):
    """How a batch stands."""

    status: str
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: _Mistakes | None = None

    @property
    def ended(self) -> bool:
        """True where nothing more will happen to it."""
        return self.status in ENDED

    @property
    def reason(self) -> str:
        """Why it was refused as a whole."""
        mistakes = (self.errors and self.errors.data) or []
        return "; ".join(mistake.message for mistake in mistakes if mistake.message) or "no reason given"


class _Page(BaseModel):
    data: list[Batch]


class _Response(BaseModel):
    status_code: int
    body: Any = None


class _Line(BaseModel):
    custom_id: str
    response: _Response | None = None
    error: Any = None


Told = TypeVar("Told", bound=BaseModel)


class BatchEndpoint:
    """Every call is tried again as `Retries` allows, and raises what `Retries.until_answered` raises."""

    def __init__(self, client: "AsyncOpenAI", endpoint: Endpoint, retries: Retries) -> None:
        self._client, self._endpoint, self._retries = client, endpoint, retries

    async def upload(self, lines: bytes) -> str:
        """The file's name at the provider."""

        async def attempt() -> bytes:
            files = self._client.files.with_raw_response
            response = await files.create(file=("requests.jsonl", lines), purpose="batch")
            return response.http_response.content

        return self._read(_Named, await self._answered(attempt, NO_BATCHES)).id

    async def create(self, file_id: str, perhaps_there: bool) -> str:
        """The name of the one batch over an uploaded file.

        Where a try may have been lost on its way back, the provider's latest 100 batches are searched first: a second
        batch would be paid for.
        """

        async def attempt() -> bytes:
            nonlocal perhaps_there
            batches = self._client.batches.with_raw_response
            if perhaps_there:
                page = self._read(_Page, (await batches.list(limit=100)).http_response.content)
                for batch in page.data:
                    if batch.input_file_id == file_id:
                        return batch.model_dump_json().encode()
            perhaps_there = True
            response = await batches.create(input_file_id=file_id, endpoint=CHAT, completion_window="24h")
            return response.http_response.content

        return self._read(_Named, await self._answered(attempt, NO_BATCHES)).id

    async def look(self, batch_id: str, not_found: str) -> Batch:
        """How the batch stands now. `not_found` is what it means that the provider does not know it."""

        async def attempt() -> bytes:
            return (await self._client.batches.with_raw_response.retrieve(batch_id)).http_response.content

        return self._read(Batch, await self._answered(attempt, not_found))

    async def completions(self, batch: Batch, not_found: str) -> dict[str, Completion]:
        """Those that an ended batch came to, `failed` ones with what the provider says, by their requests' keys."""
        found = {}
        for file_id in filter(None, (batch.output_file_id, batch.error_file_id)):
            for line in (await self._download(file_id, not_found)).split(b"\n"):
                try:
                    told = _Line.model_validate_json(line)
                except ValidationError:
                    continue  # whoever misses its answer will say so
                found[told.custom_id] = self._completion(told)
        return found

    async def _download(self, file_id: str, not_found: str) -> bytes:
        async def attempt() -> bytes:
            return (await self._client.files.content(file_id)).content

        return await self._answered(attempt, not_found)

    async def _answered(self, attempt: Callable[[], Awaitable[bytes]], not_found: str) -> bytes:
        import openai

        return await self._retries.until_answered(attempt, (openai.APIError, TimeoutError), not_found)

    def _completion(self, line: _Line) -> Completion:
        response = line.response
        if response is not None and response.status_code == 200:
            try:
                return read_answer(json.dumps(response.body).encode(), self._endpoint, seconds=None)
            except RequestFailed as failure:
                return Completion("", "failed", error=str(failure))
        fault = words(line.error) if response is None else f"{response.status_code}: {words(response.body)}"
        return Completion("", "failed", error=self._endpoint.excerpt(fault))

    def _read(self, kind: type[Told], content: bytes) -> Told:
        try:
            return kind.model_validate_json(content)
        except ValidationError:
            begins = self._endpoint.excerpt(content.decode(errors="replace"))
            raise RequestFailed(f"the batch endpoint's answer cannot be read: {begins}") from None
