"""A local model: a prompt's text depends on the prompt alone, and whatever is missing is said in one line."""

import json
import shutil
import sys

import pandas as pd
import pydantic
import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from llmrec_bench import BenchError, Message, Prompt, ask
from llmrec_bench_plugins.blocks import text_generation
from llmrec_bench_plugins.blocks.text_generation import drawn_tokens
from llmrec_bench_plugins.llms.local_transformers import LocalTransformers

SPECIAL = ["<unk>", "<s>", "</s>", "<system>", "<user>", "<assistant>"]
WORDS = [f"{first}{second}" for first in "bcdfgklmnprst" for second in ("a", "e", "i", "o", "u", "ai", "ou")]
TEMPLATE = (
    "<s>{% for message in messages %}<{{ message.role }}> {{ message.content }} {% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
POSITIONS = 128


def llama(layers=2, seed=0, width=64):
    """Weights drawn so widely that the likeliest token leads clearly, and that no two prompts get the same text."""
    config = LlamaConfig(
        vocab_size=len(SPECIAL) + len(WORDS),
        hidden_size=width,
        intermediate_size=128,
        num_hidden_layers=layers,
        num_attention_heads=4,
        max_position_embeddings=POSITIONS,
        initializer_range=0.4,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=False,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    model.lm_head.weight.data[: len(SPECIAL)] = 0  # it writes words
    return model


def adapter_for(model, folder):
    """A LoRA adapter whose random weights change what the model says."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        adapted = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False))
    adapted.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "tiny"
    words = Tokenizer(models.WordLevel({word: place for place, word in enumerate(SPECIAL + WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        extra_special_tokens=["<system>", "<user>", "<assistant>"],
    )
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    llama().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    return adapter_for(llama(), tmp_path_factory.mktemp("adapter"))


@pytest.fixture
def copy(folder, tmp_path):
    """A copy of the model to spoil."""
    return shutil.copytree(folder, tmp_path / "copy")


def local(folder, **options):
    whole = {"provider": "transformers", "model": str(folder), "max_tokens": 12} | options
    return LocalTransformers(LocalTransformers.Config(**whole), pd.DataFrame({"title": []}))


def answers(model, prompts):
    """Completions in the order of the prompts, each asked for once."""
    found = dict(model.answer(prompts))
    assert found.keys() == set(range(len(prompts)))
    return [found[index] for index in range(len(prompts))]


def texts(model, prompts):
    completions = answers(model, prompts)
    assert not any(completion.failed for completion in completions)
    return [completion.text for completion in completions]


def set_json(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def refusal(model):
    """The one line of a model that cannot answer at all."""
    with pytest.raises(BenchError) as caught:
        list(model.answer([ask("ba", "test")]))
    assert "\n" not in str(caught.value)
    return str(caught.value)


PROMPTS = [
    ask(" ".join(WORDS[(7 * n + 3 * place) % len(WORDS)] for place in range(n)), "test") for n in range(1, 92, 9)
]
"""Of 1 to 91 words."""

DECODINGS = {"greedy": {}, "sampled": {"temperature": 1.5, "top_p": 0.95, "top_k": 40}}
every_decoding = pytest.mark.parametrize("decoding", DECODINGS.values(), ids=DECODINGS)


@pytest.fixture(scope="module")
def alone(folder):
    """Texts of every prompt asked by itself."""
    found = {}
    for name, options in DECODINGS.items():
        model = local(folder, batch_size=1, **options)
        found[name] = [texts(model, [prompt])[0] for prompt in PROMPTS]
        assert len(set(found[name])) == len(PROMPTS)
    return found


@pytest.mark.parametrize("batch_size", [1, 2, 7])
@pytest.mark.parametrize("name", DECODINGS)
def test_a_text_does_not_depend_on_its_batch(folder, alone, name, batch_size):
    model = local(folder, batch_size=batch_size, **DECODINGS[name])
    assert texts(model, PROMPTS) == alone[name]
    order = [4, 0, 10, 7, 1, 9, 3, 8, 2, 6, 5]
    assert texts(model, [PROMPTS[number] for number in order]) == [alone[name][number] for number in order]


def test_the_greedy_text_is_what_single_steps_without_a_cache_give(folder, alone):
    model = LlamaForCausalLM.from_pretrained(folder)
    written = ["<s>", "<user>", *PROMPTS[2].messages[0].content.split(), "<assistant>"]
    tokens = [(SPECIAL + WORDS).index(word) for word in written]
    for _ in range(12):
        with torch.inference_mode():
            tokens.append(int(model(torch.tensor([tokens])).logits[0, -1].argmax()))
    assert " ".join((SPECIAL + WORDS)[token] for token in tokens[-12:]) == alone["greedy"][2]


def test_sampled_texts_follow_seed_and_sample_number(folder, alone):
    question = PROMPTS[2].messages[0].content
    options = DECODINGS["sampled"]
    first, second = texts(local(folder, **options), [ask(question, "test", sample=number) for number in (0, 1)])
    (other_seed,) = texts(local(folder, seed=1, **options), [ask(question, "test")])
    assert first == alone["sampled"][2]
    assert len({first, second, other_seed, alone["greedy"][2]}) == 4


def test_top_k_of_one_and_a_tiny_top_p_leave_the_likeliest_token(folder, alone):
    for options in ({"top_k": 1}, {"top_p": 1e-9}):
        assert texts(local(folder, temperature=2.0, **options), PROMPTS) == alone["greedy"]


def test_temperature_zero_is_greedy(folder, alone):
    assert texts(local(folder, temperature=0.0), PROMPTS) == alone["greedy"]


def test_a_draw_falls_into_the_share_of_its_token():
    logits = torch.tensor([[0.2, 0.5, 0.3]]).log()

    def drawn(draw, temperature=1.0, top_p=1.0, top_k=None):
        return int(drawn_tokens(logits, torch.tensor([draw], dtype=torch.float64), temperature, top_p, top_k))

    assert [drawn(draw) for draw in (0.0, 0.19, 0.21, 0.69, 0.71, 1 - 2**-53)] == [0, 0, 1, 1, 2, 2]
    # The two likeliest are left, at 0.5 / 0.8 and 0.3 / 0.8.
    assert [drawn(draw, top_k=2) for draw in (0.0, 0.62, 0.63)] == [1, 1, 2]
    assert [drawn(draw, top_p=0.75) for draw in (0.0, 0.62, 0.63)] == [1, 1, 2]
    assert [drawn(draw, top_p=0.45) for draw in (0.0, 0.99)] == [1, 1]
    # Temperature 0.5 squares the shares: 4, 25 and 9 of 38.
    assert [drawn(draw, temperature=0.5) for draw in (0.10, 0.11, 0.76, 0.77)] == [0, 1, 1, 2]


def test_an_answer_is_cut_at_the_limit(folder, alone):
    (completion,) = answers(local(folder, max_tokens=5), PROMPTS[2:3])
    assert completion.finish_reason == "length"
    assert completion.text.split() == alone["greedy"][2].split()[:5]
    assert completion.usage.completion_tokens == 5
    assert completion.usage.cached_tokens is None
    assert completion.seconds > 0


def test_an_answer_stops_at_an_end_token(copy, alone):
    words = alone["greedy"][2].split()
    end = words[3]
    set_json(copy / "generation_config.json", eos_token_id=[2, (SPECIAL + WORDS).index(end)])
    others = answers(local(copy), PROMPTS)  # in one batch, which goes on until the last row has ended
    completion = others[2]
    assert completion.finish_reason == "stop"
    assert completion.text.split() == words[: words.index(end)]
    assert completion.usage.completion_tokens == words.index(end) + 1  # the end token counts
    assert {other.finish_reason for other in others} == {"stop", "length"}
    assert [other.text for other in others] == [text.partition(end)[0].strip() for text in alone["greedy"]]


def test_sampling_options_and_penalties_of_the_model_are_left_aside(copy, alone):
    set_json(copy / "generation_config.json", do_sample=True, temperature=3.0, repetition_penalty=5.0, max_length=20)
    assert texts(local(copy), PROMPTS) == alone["greedy"]


def test_usage_counts_the_tokens_of_the_chat_template_and_no_padding(folder):
    completions = answers(local(folder), PROMPTS)
    expected = [len(prompt.messages[0].content.split()) + 3 for prompt in PROMPTS]  # <s> <user> ... <assistant>
    assert [completion.usage.prompt_tokens for completion in completions] == expected


def test_the_chat_template_sees_every_turn(folder):
    model = local(folder)
    turns = (Message("system", "ba be"), Message("user", "ca"), Message("assistant", "ce"), Message("user", "da"))
    whole, merged = answers(model, [Prompt(turns, "test"), ask("ba be ca ce da", "test")])
    assert whole.usage.prompt_tokens == 5 + 6
    assert merged.usage.prompt_tokens == 5 + 3
    assert whole.text != merged.text


def test_without_a_chat_template_the_contents_are_joined(copy):
    (copy / "chat_template.jinja").unlink()
    joined, plain = answers(
        local(copy), [Prompt((Message("system", "ba be "), Message("user", "ca")), "test"), ask("ba be ca", "test")]
    )
    assert joined.usage.prompt_tokens == plain.usage.prompt_tokens == 3
    assert joined.text == plain.text


def test_a_template_that_tells_the_date_is_told_a_fixed_one(copy):
    dated = "{% if strftime_now('%Y') == '26 Jul 2024' %}ba{% else %}be be be{% endif %}"
    (copy / "chat_template.jinja").write_text(dated)
    (completion,) = answers(local(copy), [ask("ca", "test")])
    assert completion.usage.prompt_tokens == 1


def test_a_prompt_the_template_refuses_fails_alone(copy):
    strict = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + TEMPLATE
    (copy / "chat_template.jinja").write_text(strict)
    refused, answered = answers(
        local(copy), [Prompt((Message("system", "ba"), Message("user", "ca")), "t"), PROMPTS[0]]
    )
    assert refused.failed
    assert refused.error == "the model's chat template refuses the messages (no system role)"
    assert not answered.failed


def test_a_prompt_without_tokens_fails_alone(copy):
    (copy / "chat_template.jinja").unlink()
    empty, answered = answers(local(copy), [ask("", "test"), ask("ba", "test")])
    assert (empty.failed, empty.error) == (True, "the prompt has no tokens")
    assert not answered.failed


def test_a_prompt_that_is_too_long_fails_alone_and_is_never_cut(folder):
    room = POSITIONS - 12 - 3
    fits, too_long = (ask(" ".join(["ba"] * words), "test") for words in (room, room + 1))
    first, second = answers(local(folder), [too_long, fits])
    assert first.failed
    assert first.error == (
        "the prompt has 117 tokens; the model's 128 positions, less max_tokens 12, leave room for 116"
    )
    assert (second.failed, second.usage.prompt_tokens) == (False, 116)


def test_no_room_for_any_prompt_is_refused(folder):
    assert "max_tokens 128 leaves no room for a prompt in the model's 128 positions" in refusal(
        local(folder, max_tokens=128)
    )


def test_answers_arrive_batch_by_batch(folder, monkeypatch):
    sizes = []
    whole_batch = text_generation.continue_batch
    monkeypatch.setattr(
        text_generation,
        "continue_batch",
        lambda model, rows, *rest: sizes.append(len(rows)) or whole_batch(model, rows, *rest),
    )
    stream = local(folder, batch_size=4).answer(PROMPTS)
    next(stream)
    assert sizes == [4]
    list(stream)
    assert sizes == [4, 4, 3]


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("CUDA error: out of memory")]
)
@every_decoding
def test_memory_that_runs_out_halves_the_batch(folder, alone, monkeypatch, error, decoding):
    whole_batch = text_generation.continue_batch
    sizes = []

    def small_memory(model, rows, *rest):
        sizes.append(len(rows))
        if len(rows) > 3 or len(rows[0]) > 90:
            raise error
        return whole_batch(model, rows, *rest)

    monkeypatch.setattr(text_generation, "continue_batch", small_memory)
    *completions, last = answers(local(folder, batch_size=8, **decoding), PROMPTS)
    name = "sampled" if decoding else "greedy"
    assert [completion.text for completion in completions] == alone[name][:-1]
    assert last.failed
    assert last.error == "a prompt of 94 tokens and an answer of up to 12 do not fit the memory of cpu, even alone"
    assert sizes == [8, 4, 2, 2, 2, 2, 2, 1]


def test_other_errors_are_not_taken_for_a_lack_of_memory(folder, monkeypatch):
    def broken(*_):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(text_generation, "continue_batch", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        answers(local(folder), PROMPTS)


def test_an_adapter_changes_answers_identity_and_size(folder, adapter, alone):
    plain, adapted = local(folder), local(folder, adapter=adapter)
    assert plain.identity() != adapted.identity()
    stored = adapted.parameters
    assert stored == plain.parameters + 2 * 2 * (64 * 4 + 4 * 64)  # two projections in two layers
    found = texts(adapted, PROMPTS)
    assert all(ours != base for ours, base in zip(found, alone["greedy"], strict=True))
    again = local(folder, adapter=adapter, batch_size=3)
    assert texts(again, PROMPTS) == found
    assert again.parameters == stored


def test_parameters_are_counted_before_and_after_loading(folder):
    unasked, model = local(folder), local(folder)
    assert unasked.parameters == llama().num_parameters()
    texts(model, PROMPTS[:1])
    assert model.parameters == llama().num_parameters()
    assert local("nobody/nothing").parameters is None


def test_packed_weights_leave_the_number_of_parameters_unknown(copy):
    weights = load_file(copy / "model.safetensors")
    save_file(weights | {"packed": torch.zeros(3, dtype=torch.int32)}, copy / "model.safetensors")
    assert local(copy).parameters is None


def test_a_closed_model_loads_again(folder, alone):
    model = local(folder)
    assert texts(model, PROMPTS[:3]) == alone["greedy"][:3]
    model.close()
    model.close()
    assert texts(model, PROMPTS[:3]) == alone["greedy"][:3]


def test_nothing_is_loaded_for_no_prompt():
    assert list(local("/nowhere").answer([])) == []


def test_identity_is_the_content_and_not_the_place(folder, copy, adapter, tmp_path):
    moved = shutil.copytree(adapter, tmp_path / "moved")
    set_json(moved / "adapter_config.json", base_model_name_or_path="elsewhere")  # where it was trained
    (copy / "README.md").write_text("Notes.")
    here, there = local(folder, adapter=adapter), local(copy, adapter=moved)
    assert here.identity() == there.identity() == here.config.identity() | {"version": LocalTransformers.version}
    assert str(folder) not in json.dumps(here.identity())


@pytest.mark.parametrize("file", ["config.json", "generation_config.json", "tokenizer_config.json", "tokenizer.json"])
def test_identity_changes_with_every_file_that_decides(folder, copy, file):
    set_json(copy / file, added=1)
    assert local(copy).identity() != local(folder).identity()


def test_identity_changes_with_the_weights_and_the_template(folder, copy):
    seen = [local(folder).identity(), local(copy).identity()]
    assert seen[0] == seen[1]
    llama(seed=1).save_pretrained(copy)
    seen.append(local(copy).identity())
    (copy / "chat_template.jinja").write_text(TEMPLATE + " ")
    seen.append(local(copy).identity())
    assert len({json.dumps(identity) for identity in seen}) == 3


def test_identity_changes_with_the_adapters_weights(folder, adapter, tmp_path):
    other = shutil.copytree(adapter, tmp_path / "other")
    weights = load_file(other / "adapter_model.safetensors")
    save_file({name: 2 * weight for name, weight in weights.items()}, other / "adapter_model.safetensors")
    assert local(folder, adapter=other).identity() != local(folder, adapter=adapter).identity()


def test_identity_names_what_decides_and_nothing_else(folder):
    plain = local(folder).identity()
    assert local(folder, batch_size=3).identity() == plain
    assert local(folder, temperature=0.0, seed=5, top_p=0.5, top_k=3).identity() == plain
    assert local(folder, dtype="float32").identity() == plain
    assert local(folder, device="cuda").identity() == local(folder, dtype="bfloat16").identity() != plain
    sampled = local(folder, temperature=1.0).identity()
    for options in ({"seed": 5}, {"top_p": 0.5}, {"top_k": 3}, {"temperature": 0.5}, {"max_tokens": 9}):
        assert local(folder, **{"temperature": 1.0} | options).identity() != sampled
    hub = local("owner/name", revision="abc").identity()
    assert (hub["model"], hub["revision"]) == ("owner/name", "abc")


@pytest.mark.parametrize(
    "options",
    [
        {"max_tokens": None},
        {"max_tokens": 0},
        {"device": "gpu"},
        {"dtype": "int8"},
        {"top_p": 0.0},
        {"top_k": 0},
        {"batch_size": 0},
        {"quantisation": "2bit"},
    ],
    ids=str,
)
def test_options_out_of_range_are_refused(folder, options):
    with pytest.raises(pydantic.ValidationError):
        local(folder, **options)


def test_options_are_read_as_a_suite_writes_them(folder, adapter):
    written = json.dumps({"provider": "transformers", "model": str(folder), "adapter": str(adapter), "temperature": 0})
    options = LocalTransformers.Config.model_validate_json(written, strict=True)
    assert options.identity() == local(folder, adapter=adapter, max_tokens=512).config.identity()


def test_home_and_environment_variables_are_written_out(folder, alone, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("TINY", str(folder))
    assert local("~/tiny").identity() == local("$TINY").identity() == local(folder).identity()
    assert texts(local("$TINY"), PROMPTS[:1]) == alone["greedy"][:1]


def test_a_missing_folder_is_refused(folder):
    missing = folder / "missing"
    line = f"{missing}: no such model folder; give a folder or a hub id such as owner/name"
    assert refusal(local(missing)) == line
    with pytest.raises(BenchError, match="no such model folder"):
        local(missing).identity()


def test_a_hub_id_that_cannot_be_had_offline_is_refused():
    line = refusal(local("nobody/nothing"))
    assert line.startswith("nobody/nothing: cannot be loaded (")
    assert line.endswith("); download the model first, or give the folder it is in")


def test_a_revision_of_a_folder_is_refused(folder):
    assert "`revision` is for hub ids" in refusal(local(folder, revision="main"))


@pytest.mark.parametrize(
    ("removed", "line"),
    [
        ("config.json", "no config.json in this model folder"),
        ("tokenizer.json", "no tokenizer in this model folder (looked for tokenizer.json, "),
        ("model.safetensors", "no weights in this model folder (looked for *.safetensors)"),
    ],
)
def test_a_folder_without_a_part_is_refused(copy, removed, line):
    (copy / removed).unlink()
    assert refusal(local(copy)).startswith(f"{copy}: {line}")
    with pytest.raises(BenchError):
        local(copy).identity()


def test_pickled_weights_are_refused(copy):
    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    assert refusal(local(copy)) == f"{copy}: only pickled weights, which may run code; save the model as safetensors"


def test_weights_that_are_incomplete_or_broken_are_refused(copy):
    weights = load_file(copy / "model.safetensors")
    del weights["model.norm.weight"]
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    assert refusal(local(copy)) == f"{copy}: cannot be loaded (1 weights are missing, such as model.norm.weight)"
    (copy / "model.safetensors").write_bytes(b"not weights at all")
    assert refusal(local(copy)).startswith(f"{copy}: cannot be loaded (")


def test_a_model_that_brings_its_own_code_is_refused(copy):
    (copy / "own.py").write_text("raise SystemExit('ran')")
    set_json(
        copy / "config.json", model_type="own", auto_map={"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.O"}
    )
    assert refusal(local(copy)).startswith(f"{copy}: cannot be loaded (")


def test_an_adapter_given_as_model_is_refused(adapter):
    assert "an adapter, which is no model" in refusal(local(adapter))


def test_a_folder_without_an_adapter_is_refused(folder, tmp_path):
    line = refusal(local(folder, adapter=tmp_path))
    assert (
        line == f"{tmp_path}: no adapter in this folder (looked for adapter_config.json and adapter_model.safetensors)"
    )
    with pytest.raises(BenchError):
        local(folder, adapter=tmp_path / "missing").identity()


def test_adapters_of_another_kind_are_refused(folder, adapter, tmp_path):
    other = shutil.copytree(adapter, tmp_path / "other")
    set_json(other / "adapter_config.json", peft_type="PROMPT_TUNING")
    assert refusal(local(folder, adapter=other)) == f"{other}: an adapter of type PROMPT_TUNING; only LORA is read"


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ({"layers": 1}, "the adapter was trained on another model: "),
        ({"layers": 3}, "the adapter was trained on another model: "),
        ({"width": 32}, "size mismatch"),
    ],
    ids=str,
)
def test_an_adapter_of_another_model_is_refused(folder, tmp_path, shape, why):
    other = adapter_for(llama(**shape), tmp_path / "other")
    line = refusal(local(folder, adapter=other))
    assert line.startswith(f"{folder} with {other}: cannot be loaded (")
    assert why in line


@pytest.mark.parametrize("package", ["transformers", "peft"])
def test_a_missing_library_is_named(folder, adapter, monkeypatch, package):
    monkeypatch.delitem(sys.modules, text_generation.__name__)  # which cannot be imported without it
    monkeypatch.setitem(sys.modules, package, None)
    assert refusal(local(folder, adapter=adapter)) == (
        f"transformers: {package} is not installed; pip install {package}"
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "its weights in float32 do not fit the memory of cpu; take a smaller model"),
        ({"device": "cuda"}, "in bfloat16 do not fit the memory of cuda; take `quantisation: 4bit` or a smaller model"),
        ({"device": "cuda", "quantisation": "4bit"}, "in 4bit do not fit the memory of cuda; take a smaller model"),
    ],
)
def test_weights_that_the_memory_does_not_hold_are_refused(folder, monkeypatch, options, says):
    def full(*given):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB\n")

    monkeypatch.setattr(LocalTransformers, "_check_device", lambda model: None)
    monkeypatch.setattr(text_generation, "load_causal_model", full)
    line = refusal(local(folder, **options))
    assert line.startswith(f"{folder}: its weights in ")
    assert line.endswith(says)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_cuda_is_refused(folder):
    assert refusal(local(folder, device="cuda:1")) == (
        "transformers: device 'cuda:1' asked for, but torch finds no CUDA; use 'cpu'"
    )


def test_a_device_beyond_the_last_is_refused(folder, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert refusal(local(folder, device="cuda:2")) == "transformers: there is no 'cuda:2'; the last is 'cuda:1'"


def test_quantisation_on_a_cpu_or_without_its_library_is_refused(folder, monkeypatch):
    assert "quantisation '8bit' needs a CUDA device" in refusal(local(folder, quantisation="8bit"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    assert "needs bitsandbytes, which is not installed" in refusal(local(folder, quantisation="4bit", device="cuda"))


gpu = pytest.mark.gpu


@pytest.mark.parametrize(
    ("device", "dtype"),
    [("cpu", "bfloat16"), pytest.param("cuda", "bfloat16", marks=gpu), pytest.param("cuda", "float32", marks=gpu)],
)
@every_decoding
def test_other_devices_and_precisions(folder, alone, device, dtype, decoding):
    model = local(folder, device=device, dtype=dtype, batch_size=1, **decoding)
    found = answers(model, PROMPTS)
    assert str(next(model._loaded.model.parameters()).dtype) == f"torch.{dtype}"
    assert not any(completion.failed for completion in found)
    assert [completion.text for completion in answers(model, PROMPTS[::-1])] == [one.text for one in found[::-1]]
    together = answers(local(folder, device=device, dtype=dtype, **decoding), PROMPTS)
    assert [one.usage.prompt_tokens for one in together] == [one.usage.prompt_tokens for one in found]
    if dtype == "float32":
        name = "sampled" if decoding else "greedy"
        assert [completion.text for completion in found] == [one.text for one in together] == alone[name]
