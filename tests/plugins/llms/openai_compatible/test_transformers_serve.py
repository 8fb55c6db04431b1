"""A real server with a real, if tiny, language model."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from llmrec_bench import Message, Prompt, ask
from llmrec_bench_plugins.llms.openai_compatible import OpenAICompatible

START_SECONDS = 120


class Served(NamedTuple):
    url: str
    model: Path


def save_tiny_model(folder: Path) -> None:
    """A Llama of two layers with random weights, and a tokenizer of single bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = {word: i for i, word in enumerate(["<pad>", "<s>", "</s>", *alphabet])}
    plain = Tokenizer(models.BPE(vocab=words, merges=[]))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="<pad>", bos_token="<s>", eos_token="</s>", model_max_length=256
    )
    tokenizer.chat_template = (
        "{% for message in messages %}<s>{{ message['role'] }}: {{ message['content'] }}</s>{% endfor %}"
        "{% if add_generation_prompt %}<s>assistant: {% endif %}"
    )
    tokenizer.save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=len(words),
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=256,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
        LlamaForCausalLM(config).save_pretrained(folder)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`transformers serve` on a free port of this machine."""
    for package in ("fastapi", "uvicorn", "transformers", "openai"):
        pytest.importorskip(package, reason=f"{package} is not installed; pip install 'transformers[serving]'")
    folder = tmp_path_factory.mktemp("tiny-llama")
    save_tiny_model(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = "from transformers.cli.transformers import main; main()"
    arguments = ["serve", "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    log = folder / "server.log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            [sys.executable, "-c", start, *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        ) as process,
    ):
        try:
            deadline = time.monotonic() + START_SECONDS
            while not answers(f"http://127.0.0.1:{port}/health"):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
            yield Served(f"http://127.0.0.1:{port}/v1", folder)
        finally:
            process.kill()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture
def make_served(served: Served, monkeypatch: pytest.MonkeyPatch) -> Callable[..., OpenAICompatible]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    def make(**options: Any) -> OpenAICompatible:
        defaults = {"base_url": served.url, "model": str(served.model), "timeout_seconds": 60.0}
        return OpenAICompatible(OpenAICompatible.Config(provider="openai", **defaults | options), pd.DataFrame())

    return make


def test_greedy_answers_are_the_model_s_own(served: Served, make_served: Callable[..., OpenAICompatible]) -> None:
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
