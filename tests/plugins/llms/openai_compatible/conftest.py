"""Servers on this machine: one that speaks the chat and the batch interface and misbehaves as a test asks, and one with
a real, if tiny, language model."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from llmrec_bench import Completion, Prompt, ask
from llmrec_bench_plugins.llms import retries
from llmrec_bench_plugins.llms.openai_compatible import OpenAICompatible

pytest.importorskip("openai", reason="the openai package is not installed")

KEY = "sk-0123456789-secret"
START_SECONDS = 120
POSITIONS = 4096
"""Of the tiny model; a prompt of titles has some thousand bytes, each of them a token."""


@dataclass
class Reply:
    """How to answer one request."""

    body: Any = None
    """JSON, or bytes to send as they are; None echoes the prompt, or complains about the key where it is an error."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0
    cut: bool = False
    """Send half of the body and hang up."""
    drip: bool = False
    """Send a byte every 0.1 s."""


def echo(request: dict[str, Any]) -> dict[str, Any]:
    """A chat completion that repeats the last message."""
    text = request["messages"][-1]["content"]
    return {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}},
    }


class Server:
    """Echoes every text but those in its script, unless it has another rule, and keeps what it saw."""

    def __init__(self) -> None:
        self.script: dict[str, list[Reply]] = {}
        self.rule: Callable[[str], dict[str, Any]] = lambda text: {}
        """The reply to a text that is not in the script."""
        self.requests: list[dict[str, Any]] = []
        """Bodies of chat requests."""
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        """Of their arrivals, in seconds on the monotonic clock."""
        self.most_at_once = 0
        self.files: dict[str, bytes] = {}
        self.batches: list[dict[str, Any]] = []
        self.looks = Counter[str]()
        self.looks_needed = 2
        self.batch_status = "completed"
        self.fail_create_status = 0
        """Where it is set, the next batch is created and this status is sent instead of it."""
        self.fail_look_status = 0
        """Where it is set, nobody learns how a batch stands."""
        self.lock = threading.Lock()
        self._asked = Counter[str]()
        self._under_way = 0
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, text: str, *replies: dict[str, Any]) -> None:
        """Answer this text so, one after the other, and the last again and again."""
        self.script[text] = [Reply(**reply) for reply in replies]

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def chat(self, request: dict[str, Any], headers: dict[str, str]) -> Reply:
        text = request["messages"][-1]["content"]
        with self.lock:
            self.times.append(time.monotonic())
            self.requests.append(request)
            self.headers.append(headers)
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
            before = self._asked[text]
            self._asked[text] += 1
        replies = self.script.get(text) or [Reply(**self.rule(text))]
        reply = replies[min(before, len(replies) - 1)]
        time.sleep(reply.delay_seconds)
        with self.lock:
            self._under_way -= 1
        return replace(reply, body=echo(request)) if reply.body is None and reply.status == 200 else reply

    def upload(self, form: bytes) -> Reply:
        """Keep the lines of a multipart form that are JSON."""
        name = f"file-{len(self.files)}"
        self.files[name] = b"\n".join(line for line in form.split(b"\n") if line.startswith(b"{"))
        return Reply({"id": name, "object": "file"})

    def create(self, request: dict[str, Any]) -> Reply:
        batch = {"id": f"batch-{len(self.batches)}", "status": "validating", **request}
        self.batches.append(batch)
        if self.fail_create_status:
            status, self.fail_create_status = self.fail_create_status, 0
            return Reply(status=status)
        return Reply(batch)

    def look(self, batch_id: str) -> Reply:
        batch = next((batch for batch in self.batches if batch["id"] == batch_id), None)
        if batch is None or self.fail_look_status:
            return Reply(status=self.fail_look_status or 404)
        self.looks[batch_id] += 1
        batch["status"] = "in_progress"
        if self.looks[batch_id] >= self.looks_needed:
            batch["status"] = self.batch_status
            if self.batch_status == "failed":
                batch["errors"] = {"data": [{"code": "x", "message": "the file is empty"}]}
            else:
                self._finish(batch)
        return Reply(batch)

    def _finish(self, batch: dict[str, Any]) -> None:
        good, bad = [], []
        for line in map(json.loads, self.files[batch["input_file_id"]].split(b"\n")):
            text = line["body"]["messages"][-1]["content"]
            reply = self.script.get(text, [Reply()])[0]
            body = echo(line["body"]) if reply.body is None else reply.body
            response = {"status_code": reply.status, "body": body}
            (good if reply.status == 200 else bad).append(
                json.dumps({"custom_id": line["custom_id"], "response": response, "error": None}).encode()
                if not reply.cut
                else b'{"custom_id": "half a li'
            )
        good.reverse()  # a provider promises no order
        for kind, lines in (("output_file_id", good), ("error_file_id", bad)):
            if lines:
                batch[kind] = f"{batch['id']}-{kind}"
                self.files[batch[kind]] = b"\n".join(lines) + b"\n"

    def route(self, method: str, path: str, content: bytes, headers: dict[str, str]) -> Reply:
        parts = path.partition("?")[0].removeprefix("/v1/").split("/")
        match (method, *parts):
            case ("POST", "chat", "completions"):
                return self.chat(json.loads(content), headers)
            case ("POST", "files"):
                return self.upload(content)
            case ("POST", "batches"):
                return self.create(json.loads(content))
            case ("GET", "batches"):
                return Reply({"object": "list", "data": self.batches[::-1]})
            case ("GET", "batches", batch_id):
                return self.look(batch_id)
            case ("GET", "files", file_id, "content"):
                return Reply(self.files[file_id])
        return Reply(status=404)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.reply(server.route("POST", self.path, self.content(), self.plain_headers()))

            def do_GET(self) -> None:
                self.reply(server.route("GET", self.path, b"", self.plain_headers()))

            def content(self) -> bytes:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers["Content-Length"]))
                whole = b""
                while size := int(self.rfile.readline(), 16):
                    whole += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return whole

            def plain_headers(self) -> dict[str, str]:
                return {name.lower(): value for name, value in self.headers.items()}

            def reply(self, reply: Reply) -> None:
                body = reply.body
                if body is None:
                    body = {"error": {"message": f"no good:\n{self.headers['Authorization']}"}}
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                try:
                    self.send_response(reply.status)
                    for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    sent = content[: len(content) // 2] if reply.cut else content
                    for piece in (sent[i : i + 1] for i in range(len(sent))) if reply.drip else [sent]:
                        self.wfile.write(piece)
                        time.sleep(0.1 * reply.drip)
                except OSError:
                    self.close_connection = True  # the client is gone
                if reply.cut:
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Handler


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server, the key to it, and little patience."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setattr(retries, "FIRST_WAIT_SECONDS", 0.01)
    server = Server()
    yield server
    server.close()


@pytest.fixture
def make_provider(server: Server, tmp_path: Path) -> Callable[..., OpenAICompatible]:
    """`make_provider(retries=2, ...)`: a provider that asks the server."""

    def make(**options: Any) -> OpenAICompatible:
        defaults = {"model": "tiny", "base_url": server.url, "batch_folder": tmp_path / "batches", "poll_seconds": 0.02}
        config = OpenAICompatible.Config(provider="openai", **defaults | options)
        return OpenAICompatible(config, pd.DataFrame())

    return make


@pytest.fixture
def ask_all() -> Callable[..., dict[str, Completion]]:
    """`ask_all(provider, texts)`: completions by text; the key is in none of them."""

    def ask_texts(provider: OpenAICompatible, texts: Sequence[str]) -> dict[str, Completion]:
        prompts: list[Prompt] = [ask(text, "test") for text in texts]
        completions = dict(provider.answer(prompts))
        assert KEY not in repr(completions)
        assert sorted(completions) == list(range(len(texts)))
        return {texts[i]: completion for i, completion in completions.items()}

    return ask_texts


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
        tokenizer_object=plain, pad_token="<pad>", bos_token="<s>", eos_token="</s>", model_max_length=POSITIONS
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
            max_position_embeddings=POSITIONS,
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
