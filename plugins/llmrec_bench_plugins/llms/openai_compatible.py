"""Every server that speaks OpenAI's chat interface: OpenAI, most of its rivals, vLLM, llama.cpp, Ollama, and
`transformers serve`."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from llmrec_bench import BenchError, Completion, LanguageModel, Operational, Prompt
from llmrec_bench_plugins.llms.chat_requests import ChatRequests
from llmrec_bench_plugins.llms.openai_batches import Batches
from llmrec_bench_plugins.llms.openai_endpoint import Endpoint, base_url, checked_url
from llmrec_bench_plugins.llms.rate_limit import RateLimit
from llmrec_bench_plugins.llms.retries import Retries
from llmrec_bench_plugins.llms.streaming import stream


class OpenAICompatible(LanguageModel):
    """Asks over HTTP, many requests at a time or all of them as a batch; the key comes from the environment."""

    name = "openai"
    version = "1"
    billed = True
    deployment = "API"

    class Config(LanguageModel.Config):
        """Who is asked, how it decodes, and how hard it may be pressed."""

        base_url: Annotated[str, AfterValidator(checked_url)] | None = None
        """Where the server's interface begins, such as `http://127.0.0.1:8000/v1`; null takes the environment variable
        OPENAI_BASE_URL, or else OpenAI's own."""
        top_p: float | None = Field(None, gt=0, le=1)
        """Sample from the likeliest tokens that make up this share; null leaves it to the provider."""
        seed: int | None = None
        """Asks for the same answer each time, as far as the provider can; each further sample of a prompt adds one.
        Null sends none."""
        limit_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
        """What the server calls the longest answer; OpenAI's reasoning models know `max_completion_tokens` only."""
        key_variable: Annotated[str, Operational()] = Field("OPENAI_API_KEY", min_length=1)
        """The environment variable that holds the key. A server on this machine may do without."""
        concurrency: Annotated[int, Operational()] = Field(8, ge=1)
        """How many requests may be under way at once."""
        requests_per_minute: Annotated[int | None, Operational()] = Field(None, ge=1)
        """At most this many requests are sent in any 60 seconds, repeated ones included."""
        tokens_per_minute: Annotated[int | None, Operational()] = Field(None, ge=1)
        """At most this many tokens are asked for in any 60 seconds: four bytes of prompt count as one, and an answer
        as `max_tokens`, until the server has said how many there were."""
        retries: Annotated[int, Operational()] = Field(5, ge=0)
        """How often a request is repeated where the server is busy, broken, slow or gone."""
        longest_wait_seconds: Annotated[float, Operational()] = Field(3600, ge=0)
        """A server may ask to wait this long before a repeat; where it asks for more, the request fails."""
        timeout_seconds: Annotated[float, Operational()] = Field(120, gt=0)
        """How long to wait for one answer."""
        batch: Annotated[bool, Operational()] = False
        """Hand in all requests as a batch, which is cheaper and may take a day. The limits above do not apply to it."""
        batch_folder: Annotated[Path, Operational()] = Path("results/batches")
        """Where batches under way are noted, so that a run that was stopped finds them again."""
        poll_seconds: Annotated[float, Operational()] = Field(30, gt=0)
        """How often to look whether a batch is done."""

    config: Config

    @cached_property
    def _limit(self) -> RateLimit:
        """One for all calls of `answer`."""
        return RateLimit(self.config.requests_per_minute, self.config.tokens_per_minute)

    @property
    def batch(self) -> bool:
        """True where requests go through the batch endpoint."""
        return self.config.batch

    def identity(self) -> dict[str, Any]:
        """With the address that is asked, also where the environment gives it."""
        return {**super().identity(), "base_url": base_url(self.config.base_url)}

    def fault(self) -> str | None:
        """That there is no key, or one that cannot be right."""
        try:
            Endpoint.find(base_url(self.config.base_url), self.config.key_variable)
        except BenchError as error:
            return str(error)
        return None

    def answer(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, Completion]]:
        """As `answer_arriving`."""
        return self.answer_arriving(prompts)

    def answer_arriving(self, prompts: Iterable[Prompt]) -> Iterator[tuple[int, Completion]]:
        """(index, completion), each as soon as it is there. Prompts are taken ahead of their requests, as many as may
        be under way.

        What had arrived, or was under way, is handed out before a `BenchError` is raised. Of a batch, seconds are
        None.
        """
        config = self.config
        endpoint = Endpoint.find(base_url(config.base_url), config.key_variable)
        retries = Retries(endpoint, config.retries, config.longest_wait_seconds)
        if config.batch:
            batches = Batches(endpoint, retries, config.batch_folder, config.poll_seconds, config.timeout_seconds)
            prompts = list(prompts)
            yield from batches.answer(prompts, [self.body(prompt) for prompt in prompts])
            return
        requests = ChatRequests(endpoint, retries, self._limit, config.concurrency, config.timeout_seconds)
        yield from stream(partial(requests.answer, map(self.body, prompts)))

    def body(self, prompt: Prompt) -> dict[str, Any]:
        """The request as the chat interface takes it."""
        config = self.config
        decoding = {
            config.limit_name: config.max_tokens,
            "temperature": config.temperature,
            "top_p": config.top_p,
            "seed": None if config.seed is None else config.seed + prompt.sample,
        }
        return {
            "model": config.model,
            "messages": [message.plain() for message in prompt.messages],
            **{name: value for name, value in decoding.items() if value is not None},
        }
