"""A real server with a real, if tiny, language model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from llmrec_bench import Message, Prompt, ask
from llmrec_bench_plugins.llms.openai_compatible import OpenAICompatible


@pytest.fixture
def make_served(served: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., OpenAICompatible]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    def make(**options: Any) -> OpenAICompatible:
        defaults = {"base_url": served.url, "model": str(served.model), "timeout_seconds": 60.0}
        return OpenAICompatible(OpenAICompatible.Config(provider="openai", **defaults | options), pd.DataFrame())

    return make


def test_greedy_answers_are_the_model_s_own(served: Any, make_served: Callable[..., OpenAICompatible]) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    conversations = [
        ask("Which is next?", "test"),
        Prompt((Message("system", "Be brief."), Message("user", "Café?")), "test"),
        ask("a b c " * 10, "test"),
    ]
    completions = dict(make_served(max_tokens=6, temperature=0.0, concurrency=2).answer(conversations))
    tokenizer = AutoTokenizer.from_pretrained(served.model)
    model = AutoModelForCausalLM.from_pretrained(served.model)
    assert sorted(completions) == [0, 1, 2]
    for i, prompt in enumerate(conversations):
        messages = [message.plain() for message in prompt.messages]
        inputs = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        length = inputs["input_ids"].shape[1]
        written = model.generate(**inputs, max_new_tokens=6, do_sample=False)[0, length:]
        completion = completions[i]
        assert completion.text == tokenizer.decode(written, skip_special_tokens=True)
        assert completion.usage.prompt_tokens == length
        assert completion.usage.completion_tokens == len(written)
        assert completion.finish_reason == ("length" if len(written) == 6 else "stop")
        assert completion.seconds is not None
        assert completion.seconds > 0
    assert len({completion.text for completion in completions.values()}) > 1


def test_a_model_the_server_cannot_load_fails_its_requests_alone(
    make_served: Callable[..., OpenAICompatible], tmp_path: Path
) -> None:
    provider = make_served(model=str(tmp_path / "nothing"), retries=0)
    ((index, completion),) = provider.answer([ask("a", "test")])
    assert (index, completion.finish_reason, completion.text) == (0, "failed", "")
    assert completion.error == "500: Internal Server Error, tried once"
    ((_, completion),) = make_served(max_tokens=2).answer([ask("a", "test")])
    assert completion.finish_reason in ("length", "stop")
