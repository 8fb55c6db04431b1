"""Reading a chat completion, whichever server of the many it comes from."""

from pydantic import BaseModel, Field, ValidationError

from llmrec_bench import Completion, Usage
from llmrec_bench_plugins.llms.openai_endpoint import Endpoint
from llmrec_bench_plugins.llms.openai_errors import RequestFailed


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _PromptDetails(BaseModel):
    cached_tokens: int | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None


class _Answer(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


def read_answer(body: bytes, endpoint: Endpoint, seconds: float | None) -> Completion:
    """The completion that a response's JSON holds. Raises `RequestFailed` where it holds none."""
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        reason = f"{where}: {fault['msg']}" if where else fault["msg"]
        begins = endpoint.excerpt(body.decode(errors="replace"))
        raise RequestFailed(f"the answer cannot be read ({endpoint.excerpt(reason)}): {begins}") from None
    choice = answer.choices[0]
    message, told = choice.message, choice.finish_reason or "unknown"
    refused = bool(message.refusal) or told == "content_filter"
    text = endpoint.without_key(message.content or message.refusal or "")
    if told == "failed":
        raise RequestFailed(f"the server calls its answer failed: {endpoint.excerpt(text)}")
    return Completion(text, "refused" if refused else told, _usage(answer.usage), seconds)


def _usage(told: _Usage | None) -> Usage:
    if told is None:
        return Usage()
    details = told.prompt_tokens_details or _PromptDetails()
    return Usage(told.prompt_tokens, told.completion_tokens, details.cached_tokens)
