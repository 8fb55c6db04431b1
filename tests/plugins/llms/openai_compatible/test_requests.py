"""One request for each prompt: what comes back, and what a bad server does to it."""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from threading import enumerate as living_threads
from typing import Any

import pytest
from pydantic import ValidationError

from llmrec_bench import BenchError, Completion, Message, Prompt, Usage, ask
from llmrec_bench_plugins.llms import rate_limit
from llmrec_bench_plugins.llms.openai_compatible import OpenAICompatible
from llmrec_bench_plugins.llms.openai_endpoint import Endpoint

Make = Callable[..., OpenAICompatible]
AskAll = Callable[..., dict[str, Completion]]

KEY = "sk-0123456789-secret"
BUSY = {"status": 429, "headers": {"Retry-After": "0"}}


def until_error(provider: OpenAICompatible, texts: list[str]) -> tuple[list[str], str]:
    """The texts that were answered before the error, and its message, which is one line without the key."""
    answered = []
    with pytest.raises(BenchError) as caught:
        answered.extend(texts[i] for i, _ in provider.answer([ask(text, "test") for text in texts]))
    message = str(caught.value)
    assert KEY not in message
    assert "\n" not in message
    return answered, message


def test_who_pays_is_sent_where_the_environment_says_so(
    server: Any, make_provider: Make, ask_all: AskAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "the-org")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "the-project")
    ask_all(make_provider(), ["hello"])
    assert server.headers[0]["openai-organization"] == "the-org"
    assert server.headers[0]["openai-project"] == "the-project"


def test_a_proxy_of_the_environment_is_used(make_provider: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
    monkeypatch.delenv("REQUEST_METHOD", raising=False)
    _, message = until_error(make_provider(base_url="http://llm.invalid/v1", retries=0), ["a"])
    assert str(port) in message


def test_a_completion_has_text_reason_usage_and_seconds(server: Any, make_provider: Make, ask_all: AskAll) -> None:
    completion = ask_all(make_provider(), ["hello"])["hello"]
    assert (completion.text, completion.finish_reason, completion.error) == ("hello", "stop", "")
    assert completion.usage == Usage(prompt_tokens=7, completion_tokens=2, cached_tokens=4)
    assert completion.seconds is not None
    assert 0 < completion.seconds < 60


def test_only_what_is_set_is_sent(server: Any, make_provider: Make, ask_all: AskAll) -> None:
    ask_all(make_provider(), ["hello"])
    assert server.requests == [{"model": "tiny", "messages": [{"role": "user", "content": "hello"}]}]
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


def test_decoding_options_and_conversations_are_sent(server: Any, make_provider: Make) -> None:
    provider = make_provider(max_tokens=5, temperature=0.0, top_p=0.9, seed=10)
    turns = (Message("system", "Be brief."), Message("user", "ü?"))
    list(provider.answer([Prompt(turns, "test"), Prompt(turns, "test", sample=2)]))
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "ü?"}]
    sent = {"model": "tiny", "messages": messages, "max_tokens": 5, "temperature": 0.0, "top_p": 0.9}
    # A second sample under the same seed would be the first one again.
    by_seed = sorted(server.requests, key=lambda request: request["seed"])
    assert by_seed == [{**sent, "seed": 10}, {**sent, "seed": 12}]


def test_the_limit_has_another_name_for_some_models(server: Any, make_provider: Make, ask_all: AskAll) -> None:
    ask_all(make_provider(max_tokens=5, limit_name="max_completion_tokens"), ["hello"])
    assert server.requests[0]["max_completion_tokens"] == 5
    assert "max_tokens" not in server.requests[0]


@pytest.mark.parametrize(
    ("choice", "text", "reason"),
    [
        ({"message": {"content": "a b"}, "finish_reason": "length"}, "a b", "length"),
        ({"message": {"content": None}, "finish_reason": "length"}, "", "length"),
        ({"message": {"content": "a"}, "finish_reason": "content_filter"}, "a", "refused"),
        ({"message": {"content": None, "refusal": "I will not."}, "finish_reason": "stop"}, "I will not.", "refused"),
        ({"message": {"content": "a"}, "finish_reason": "tool_calls"}, "a", "tool_calls"),
        ({"message": {"content": "a"}}, "a", "unknown"),
        ({"message": {"content": f"You sent {KEY}"}, "finish_reason": "stop"}, "You sent ***", "stop"),
    ],
)
def test_reasons_to_finish(
    choice: dict[str, Any], text: str, reason: str, server: Any, make_provider: Make, ask_all: AskAll
) -> None:
    server.answer("x", {"body": {"choices": [choice]}})
    completion = ask_all(make_provider(), ["x"])["x"]
    assert (completion.text, completion.finish_reason) == (text, reason)
    assert completion.usage == Usage(None, None, None)


def test_half_a_usage_is_half_known(server: Any, make_provider: Make, ask_all: AskAll) -> None:
    body = {"choices": [{"message": {"content": "a"}}], "usage": {"completion_tokens": 3}}
    server.answer("x", {"body": body})
    assert ask_all(make_provider(), ["x"])["x"].usage == Usage(None, 3, None)


def test_retry_after_is_honoured(server: Any, make_provider: Make, ask_all: AskAll) -> None:
    server.answer("x", {"status": 429, "headers": {"Retry-After": "1"}}, {})
    assert ask_all(make_provider(), ["x"])["x"].text == "x"
    first, second = server.times
    assert second - first >= 1


def test_a_longer_retry_after_than_allowed_fails_the_request(server: Any, make_provider: Make, ask_all: AskAll) -> None:
    server.answer("x", {"status": 429, "headers": {"Retry-After": "90"}})
    completion = ask_all(make_provider(longest_wait_seconds=60), ["x"])["x"]
    assert completion.error == "429: no good: Bearer ***, tried once"


def test_a_broken_server_is_asked_again(server: Any, make_provider: Make, ask_all: AskAll) -> None:
    server.answer("x", {"status": 500}, {"status": 503}, {})
    assert ask_all(make_provider(retries=2), ["x"])["x"].text == "x"
    assert len(server.times) == 3


def test_a_failure_is_one_prompt_s_alone(server: Any, make_provider: Make, ask_all: AskAll) -> None:
    server.answer("x", {"status": 500})
    completions = ask_all(make_provider(retries=2), ["a", "x", "b"])
    failed = completions["x"]
    assert (failed.failed, failed.text, failed.usage, failed.seconds) == (True, "", Usage(), None)
    assert failed.error == "500: no good: Bearer ***, tried 3 times"
    assert (completions["a"].text, completions["b"].text) == ("a", "b")
    assert len(server.times) == 3 + 2


@pytest.mark.parametrize(
    ("reply", "error", "tries"),
    [
        ({"delay_seconds": 1.5}, "no answer within timeout_seconds, tried 2 times", 2),
        ({"drip": True}, "no answer within timeout_seconds, tried 2 times", 2),
        ({"cut": True}, "connection lost: ", 2),
        (BUSY, "429: no good: Bearer ***, tried 2 times", 2),
        ({"status": 400}, "400: no good: Bearer ***, tried once", 1),
        ({"body": b'{"choices": [{"mess'}, "cannot be read (Invalid JSON: EOF", 1),
        ({"body": b"<html>"}, "cannot be read (Invalid JSON: expected value", 1),
        ({"body": {"choices": []}}, "cannot be read (choices: List should have at least 1 item", 1),
        ({"body": {"error": {"message": "overloaded"}}}, "overloaded", 1),
        ({"body": {"choices": [{"message": None}]}}, "cannot be read (choices.0.message: ", 1),
        (
            {"body": {"choices": [{"message": {"content": "a"}, "finish_reason": "failed"}]}},
            "calls its answer failed",
            1,
        ),
    ],
)
def test_a_bad_answer_is_a_failed_completion(
    reply: dict[str, Any], error: str, tries: int, server: Any, make_provider: Make, ask_all: AskAll
) -> None:
    server.answer("x", reply)
    completions = ask_all(make_provider(retries=1, timeout_seconds=0.5, concurrency=1), ["x", "a"])
    assert completions["x"].failed
    assert error in completions["x"].error
    assert completions["a"].text == "a"
    assert len(server.times) == tries + 1


def test_an_html_page_is_no_answer(server: Any, make_provider: Make, ask_all: AskAll) -> None:
    server.answer("x", {"body": b"<html>Log in</html>", "headers": {"Content-Type": "text/html"}})
    assert "<html>Log in" in ask_all(make_provider(), ["x"])["x"].error


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ({"status": 401}, "refuses the key in the environment variable OPENAI_API_KEY (401)"),
        ({"status": 403}, "denies access with the key in OPENAI_API_KEY (403: no good: Bearer ***)"),
        ({"status": 404}, "has no model 'tiny' (404: no good: Bearer ***)"),
        (
            {"status": 400, "body": {"error": {"code": "model_not_found", "message": "?"}}},
            "has no model 'tiny' (400: ?)",
        ),
        ({"status": 402}, "the quota of the key in OPENAI_API_KEY is used up"),
        (
            {"status": 429, "body": {"error": {"code": "insufficient_quota", "message": "Pay!"}}},
            "the quota of the key in OPENAI_API_KEY is used up (429: Pay!)",
        ),
    ],
)
def test_what_no_request_survives_is_raised_after_what_arrived(
    reply: dict[str, Any], message: str, server: Any, make_provider: Make
) -> None:
    server.answer("x", reply)
    answered, told = until_error(make_provider(concurrency=1), ["a", "b", "x", "c"])
    assert answered == ["a", "b"]
    assert message in told
    assert len(server.times) == 3


@pytest.mark.parametrize("concurrency", [1, 3])
def test_prompts_that_cannot_be_made_cost_no_answer_before_them(
    concurrency: int, server: Any, make_provider: Make
) -> None:
    def made() -> Iterator[Prompt]:
        yield from (ask(str(i), "test") for i in range(9))
        raise BenchError("no more words")

    answered = []
    with pytest.raises(BenchError, match="no more words"):
        answered.extend(i for i, _ in make_provider(concurrency=concurrency).answer_arriving(made()))
    assert sorted(answered) == list(range(9))


def test_no_more_prompts_are_made_than_may_be_needed(server: Any, make_provider: Make) -> None:
    seen: list[int] = []

    def made() -> Iterator[Prompt]:
        for i in range(50):
            seen.append(i)
            yield ask("x" if i == 20 else str(i), "test")

    server.answer("x", {"status": 401})
    answered = []
    with pytest.raises(BenchError, match="401"):
        answered.extend(i for i, _ in make_provider(concurrency=2).answer_arriving(made()))
    assert set(answered) >= set(range(20))
    assert len(seen) < 30


def test_what_is_under_way_is_waited_for_and_nobody_waits_to_try_again(server: Any, make_provider: Make) -> None:
    server.answer("slow", {"delay_seconds": 0.5})
    server.answer("busy", {"status": 429, "headers": {"Retry-After": "600"}})
    server.answer("x", {"status": 401, "delay_seconds": 0.2})
    answered, _ = until_error(make_provider(concurrency=3), ["slow", "busy", "x", "never"])
    assert answered == ["slow"]
    assert [request["messages"][0]["content"] for request in server.requests].count("never") == 0


def test_a_server_that_is_not_there(make_provider: Make) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    provider = make_provider(base_url=f"http://127.0.0.1:{port}/v1", retries=2)
    answered, message = until_error(provider, ["a", "b"])
    assert answered == []
    start = f"openai: cannot reach 127.0.0.1:{port}: tried 3 times in "
    assert re.fullmatch(re.escape(start) + r"\d+\.\d s \(Cannot connect to host .*\)", message)


def test_no_more_requests_at_once_than_allowed(server: Any, make_provider: Make, ask_all: AskAll) -> None:
    texts = [f"{i}" for i in range(12)]
    for text in texts:
        server.answer(text, {"delay_seconds": 0.1})
    assert len(ask_all(make_provider(concurrency=3), texts)) == 12
    assert server.most_at_once == 3


def test_a_minute_has_no_more_requests_than_allowed(
    server: Any, make_provider: Make, ask_all: AskAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit, "MINUTE_SECONDS", 0.7)
    server.answer("b", BUSY, {})
    provider = make_provider(requests_per_minute=2)
    began = time.monotonic()
    ask_all(provider, ["a"])
    ask_all(provider, ["b"])  # twice, and the second time is the third request
    assert len(server.times) == 3
    assert server.times[2] - began >= 0.7


def test_an_answer_s_tokens_count_as_the_server_counts_them(
    server: Any, make_provider: Make, ask_all: AskAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit, "MINUTE_SECONDS", 0.7)
    # Both prompts are estimated at 1 + 10 tokens, which would exceed 20; the server counts 9 for the first.
    provider = make_provider(tokens_per_minute=20, max_tokens=10, concurrency=1)
    began = time.monotonic()
    ask_all(provider, ["a", "b", "c"])
    assert server.times[2] - began >= 0.7
    assert [round(place.tokens) for place in provider._limit._minute][-1] == 9


def test_closing_early_ends_requests_and_threads(server: Any, make_provider: Make) -> None:
    for text in "bcd":
        server.answer(text, {"delay_seconds": 20})
    answers = make_provider(concurrency=2).answer([ask(text, "test") for text in "abcd"])
    assert next(answers)[1].text == "a"
    answers.close()
    assert not [thread for thread in living_threads() if thread.name == "stream"]
    assert len(server.times) <= 3


@pytest.mark.parametrize("host", ["example.org", "10.0.0.1"])
def test_no_key_is_an_error_before_any_request(
    host: str, make_provider: Make, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    _, message = until_error(make_provider(base_url=f"http://{host}/v1"), ["a"])
    assert message == "openai: no key: set the environment variable OPENAI_API_KEY"
    _, message = until_error(make_provider(base_url=None, key_variable="MY_KEY"), ["a"])
    assert message == "openai: no key: set the environment variable MY_KEY"


def test_a_key_is_for_any_host(server: Any) -> None:
    endpoint = Endpoint.find("https://example.org:8080/v1", "OPENAI_API_KEY")
    assert (endpoint.key, endpoint.host) == (KEY, "example.org:8080")
    assert KEY not in repr(endpoint)


def test_this_machine_needs_no_key(
    server: Any, make_provider: Make, ask_all: AskAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    assert ask_all(make_provider(), ["none"])["none"].text == "none"  # also the word that stands for a key
    server.answer("x", {"status": 401})
    _, message = until_error(make_provider(), ["x"])
    assert "wants a key: set the environment variable OPENAI_API_KEY (401)" in message


def test_the_key_comes_from_the_variable_that_is_named(
    server: Any, make_provider: Make, ask_all: AskAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-other\n")  # as a file with a line end gives it
    ask_all(make_provider(key_variable="MY_KEY"), ["a"])
    assert server.headers[0]["authorization"] == "Bearer sk-other"


def test_a_key_no_header_can_hold_is_refused(make_provider: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}…")
    _, message = until_error(make_provider(), ["a"])
    assert message == "openai: the key in OPENAI_API_KEY holds characters that no key has; copy it again"


def test_who_answers_is_identity_and_how_it_is_asked_is_not(
    server: Any, make_provider: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = make_provider().identity()
    assert identity["base_url"] == server.url
    patient = make_provider(
        concurrency=1,
        requests_per_minute=3,
        tokens_per_minute=9,
        retries=0,
        timeout_seconds=1,
        batch=True,
        key_variable="MY_KEY",
        longest_wait_seconds=1,
    )
    assert patient.identity() == identity
    assert patient.batch
    assert make_provider(seed=1).identity() != identity
    assert make_provider(base_url=f"{server.url}/").identity() == identity
    assert make_provider(base_url=None).identity()["base_url"] == "https://api.openai.com/v1"
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    assert make_provider(base_url=None).identity() == identity
    assert KEY not in json.dumps(identity)


def test_the_environment_may_name_the_server(
    server: Any, make_provider: Make, ask_all: AskAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    assert ask_all(make_provider(base_url=None), ["a"])["a"].text == "a"
    monkeypatch.setenv("OPENAI_BASE_URL", "http://me:pass@127.0.0.1/v1")
    with pytest.raises(BenchError, match="OPENAI_BASE_URL should hold no password") as caught:
        make_provider(base_url=None).identity()
    assert "pass@" not in str(caught.value)


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://host/v1", "http:///v1"])
def test_an_address_that_is_none(url: str, make_provider: Make) -> None:
    with pytest.raises(ValidationError, match=r"should be like 'http://127.0.0.1:8000/v1'"):
        make_provider(base_url=url)


@pytest.mark.parametrize("url", ["http://me:pass@host/v1", "http://host/v1?key=pass"])
def test_a_password_does_not_belong_into_a_suite(url: str, make_provider: Make) -> None:
    with pytest.raises(ValidationError) as caught:
        make_provider(base_url=url)
    assert "should hold no password" in caught.value.errors()[0]["msg"]


def test_nothing_asked_is_nothing_sent(server: Any, make_provider: Make) -> None:
    assert list(make_provider().answer([])) == []
    assert server.times == []


def test_a_byte_that_is_no_text_is_not_mended(server: Any, make_provider: Make, ask_all: AskAll) -> None:
    """It could have been any word, and would be recorded for good."""
    server.answer("x", {"body": b'{"choices": [{"message": {"content": "He\xfft"}, "finish_reason": "stop"}]}'})
    completion = ask_all(make_provider(), ["x"])["x"]
    assert completion.failed
    assert "the answer cannot be read" in completion.error
