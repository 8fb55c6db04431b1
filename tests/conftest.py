"""What several tests share: plugins in memory, and a plugin installed as its users would install it."""

import os
import shutil
import subprocess
import sys
import sysconfig
import types
import venv
import zipfile
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import llmrec_bench

# Before numpy or torch start: on few cores, threads that wait for each other cost a test minutes.
for threads in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")
os.environ["HF_HUB_OFFLINE"] = "1"

THIRD_PARTY = Path(__file__).parent / "third_party"

Plug = Callable[..., EntryPoint]


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> Plug:
    """`plug("name", register_methods=...)`: the entry point of a plugin module that exists in memory only."""

    def make(name: str, **members: Any) -> EntryPoint:
        module = types.ModuleType(f"in_memory_{name}")
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return EntryPoint(name=name, value=module.__name__, group="llmrec_bench")

    return make


@pytest.fixture(scope="session")
def third_party(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the distribution of `third_party/`, installed from its wheel; put it on the path.

    The build backend is called as pip would call it, without a network and without touching the environment.
    """
    folder = tmp_path_factory.mktemp("third_party")
    source = shutil.copytree(THIRD_PARTY, folder / "source")  # building leaves files behind
    build = "from setuptools.build_meta import build_wheel; build_wheel('..')"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    installed = folder / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    return installed


Shell = Callable[[str, Path], subprocess.CompletedProcess[str]]


@pytest.fixture
def new_environment(tmp_path: Path) -> Shell:
    """`shell("pip install -e .", folder)`: a line of shell in a virtual environment of its own, which sees the packages
    of this one and asks no index for any."""
    home = tmp_path / "environment"
    venv.create(home, with_pip=False)
    (packages,) = home.glob("lib/python*/site-packages")
    harness = Path(llmrec_bench.__file__).parents[1]
    known = [str(harness), str(harness.parent / "plugins")]
    beside = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})"
    (packages / "beside.pth").write_text("\n".join([*known, beside, ""]))
    for command, module in {"pip": "pip", "bench": "llmrec_bench.cli"}.items():
        script = home / "bin" / command
        script.write_text(f'#!/bin/sh\nexec {home}/bin/python -m {module} "$@"\n')
        script.chmod(0o755)
    # Of pip's negative options the variable holds the value that they set.
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_DEPS": "1"}
    path = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **offline, "PATH": path, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    environment.pop("PYTHONPATH", None)

    def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            line, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
        )

    return shell


@pytest.fixture(scope="session")
def make_encoder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`make_encoder(words)`: a BERT of one layer, unless told otherwise, with random weights that tells these words
    apart."""

    def make(words: Sequence[str], **sizes: int) -> Path:
        import torch
        from tokenizers import Tokenizer, models, pre_tokenizers, processors
        from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

        folder = tmp_path_factory.mktemp("encoder")
        vocabulary = {word: code for code, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words])}
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        tokenizer.post_processor = processors.TemplateProcessing(
            "[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
        special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
        small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
        with torch.random.fork_rng():
            torch.manual_seed(0)
            bert = BertModel(
                BertConfig(vocab_size=len(vocabulary), **{"max_position_embeddings": 512, **small, **sizes})
            )
        bert.save_pretrained(folder)
        return folder

    return make
