"""A student learns a teacher's rationales: the prompt, what goes in, what comes out, and mistakes said in a line."""

import json
from collections.abc import Callable

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from llmrec_bench import BenchError
from llmrec_bench_plugins.blocks import distillation
from llmrec_bench_plugins.blocks.small_llama import small_llama
from llmrec_bench_plugins.llms.simulated import Simulated
from llmrec_bench_plugins.stages.distilled_student import DistilledStudent
from llmrec_bench_plugins.stages.rationales import write_rationales
from llmrec_bench_plugins.stages.rouge import rouge_l
from llmrec_bench_plugins.stages.student_bases import FromScratch, PretrainedBase
from llmrec_bench_plugins.stages.student_prompt import STUDENT, student_prompt
from llmrec_bench_plugins.stages.teacher_rationales import TeacherRationales
from llmrec_bench_plugins.stages.user_histories import user_histories

TEACHER = TeacherRationales(writer=Simulated.Config(), history_length=3)
SMALL = FromScratch(width=16, layers=1, heads=2, vocabulary=300, context_length=512, epochs=2)
TEXT = "Step 1: You like {0}. Step 2:\n1. {0}\nStep 3:\n1. {0}"


def teach(workshop, text: Callable[[int], str] = lambda user: TEXT.format(f"kind {user}"), teacher=TEACHER):
    """Put a teacher's artifact where the workshop would look for it."""
    folder = workshop.place(teacher)
    folder.mkdir(parents=True)
    histories = user_histories(workshop.train, teacher.cutoff, teacher.history_length)
    write_rationales(folder, workshop.train, workshop.run(teacher), ((h, text(h.user)) for h in histories))
    workshop.seen.clear()


def refusal(workshop, stage) -> str:
    with pytest.raises(BenchError) as refused:
        workshop.artifact(stage)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A pretrained model, as far as its folder tells."""
    folder = tmp_path_factory.mktemp("base")
    model = small_llama([student_prompt(["Alien (1979)"]), TEXT.format("kind")], 320, 16, 2, 2, 512, 3, "cpu")
    model.model.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    return folder


def test_the_prompt_is_as_published():
    assert student_prompt(["Alien (1979)", "Emma (1996)"]) == (
        "I've watched the following movies in the past in order: 0). Alien (1979), 1). Emma (1996). Please provide a "
        "brief summary of my products preferences, followed by the recommendation of five product categories or brands "
        "that align with my interests, and then suggest five products that fall under each category or brand."
    )
    assert not STUDENT.reconstructed


def test_rouge_l_worked_by_hand():
    # "the cat on mat" is in both, in this order: 4 of 6 words here, 4 of 6 there.
    assert rouge_l("The cat sat on the mat.", "the cat was on a mat") == pytest.approx(2 / 3)
    assert rouge_l("a b", "b a a a") == pytest.approx(2 * 1 / 6)
    assert rouge_l("1. x, y!", "1 X Y") == 1.0
    assert rouge_l("", "x") == rouge_l("x", "?") == 0.0


def test_a_student_from_scratch_learns_the_three_step_form(cinema):
    teacher = TeacherRationales(writer=Simulated.Config(), history_length=4)
    quick = FromScratch(
        width=32, layers=1, heads=2, vocabulary=500, epochs=12, batch_size=2, learning_rate=1e-2, decay=0.95
    )
    student = DistilledStudent(teacher=teacher, base=quick, held_out=0.1)
    folder = cinema.artifact(student)
    report = json.loads((folder / "report.json").read_text())
    assert (report["learned"], report["held_out"]) == (40, 4)
    assert report["loss_after"] < report["loss_before"] - 3
    assert report["whole_share"] >= 0.5
    assert report["rouge_l"] > 0.2
    model = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.eos_token_id == model.generation_config.eos_token_id
    assert "Step 1" in tokenizer.decode(tokenizer("Step 1: you")["input_ids"])
    assert any(line.startswith("epoch 12 of 12: loss ") for line in cinema.lines)
    assert any(line.startswith("held out: 4 answers of a student: ") for line in cinema.lines)


def test_what_goes_in_is_the_teacher_s_history_and_no_more(workshop):
    teach(workshop)
    student = DistilledStudent(teacher=TEACHER, base=SMALL)
    workshop.artifact(student)
    rows = workshop.train.sequences
    assert workshop.seen == {str(user): {f"i{item}" for item in rows[user][:-1][-3:]} for user in range(8)}


def test_of_three_cut_offs_only_the_one_that_serves_training_is_learned(workshop):
    teacher = TEACHER.model_copy(update={"cutoff": "per_split"})
    teach(workshop, teacher=teacher)
    workshop.artifact(DistilledStudent(teacher=teacher, base=SMALL))
    rows = workshop.train.sequences
    assert workshop.seen == {str(user): {f"i{item}" for item in rows[user][:-1][-3:]} for user in range(8)}


def test_so_many_users_are_drawn_by_the_seed(workshop):
    teach(workshop)
    drawn = set()
    for seed in range(3):
        workshop.seen.clear()
        workshop.artifact(DistilledStudent(teacher=TEACHER, base=SMALL, users=4, seed=seed))
        assert len(workshop.seen) == 4
        drawn.add(tuple(sorted(workshop.seen)))
    assert len(drawn) > 1


def test_texts_without_steps_are_left_out_and_counted(workshop):
    teach(workshop, lambda user: {0: "", 1: "I would rather not."}.get(user, TEXT.format("x")))
    workshop.artifact(DistilledStudent(teacher=TEACHER, base=SMALL))
    assert set(workshop.seen) == set("234567")
    assert "left out of 8 rationales: 1 empty, 1 without any of the steps" in workshop.lines


def test_nothing_to_learn_from_is_refused(workshop):
    teach(workshop, lambda user: TEXT.format("x") if user == 3 else "")
    assert refusal(workshop, DistilledStudent(teacher=TEACHER, base=SMALL)) == (
        "stage 'distilled-student': 1 of 8 rationales of the teacher can be learned from; two are needed, with steps "
        "in them"
    )


def test_pairs_beyond_the_context_are_left_out_and_counted(workshop):
    teach(workshop, lambda user: TEXT.format("x" if user else "kind " * 200))
    context = SMALL.model_copy(update={"context_length": 400})
    seed = next(seed for seed in range(9) if 0 not in _held_out(8, seed))
    workshop.artifact(DistilledStudent(teacher=TEACHER, base=context, seed=seed))
    assert "left out of 7 pairs to learn: 1 longer than 400 tokens" in workshop.lines
    assert refusal(
        workshop, DistilledStudent(teacher=TEACHER, base=SMALL.model_copy(update={"context_length": 20}))
    ).startswith("stage 'distilled-student': none of 7 pairs to learn fits a context of 20 tokens; the shortest has ")


def _held_out(pairs, seed):
    import numpy as np

    return np.random.default_rng(seed).permutation(pairs).tolist()[:1]


@pytest.mark.parametrize("kind", ["from-scratch", "pretrained"])
def test_the_same_seed_gives_the_same_bytes(workshop, base, kind, tmp_path):
    teach(workshop)
    chosen = SMALL if kind == "from-scratch" else PretrainedBase(model=str(base), epochs=1)
    student = DistilledStudent(teacher=TEACHER, base=chosen)
    once, again = workshop.artifact(student), tmp_path / "again"
    again.mkdir()
    torch.manual_seed(99)
    run = workshop.run(student)
    student.build(workshop.train, again, type(run)(**{**vars(run), "scratch": tmp_path / "scratch"}))
    names = {path.name for path in once.iterdir()}
    assert names == {path.name for path in again.iterdir()}
    for name in names - {"report.json"}:
        assert (once / name).read_bytes() == (again / name).read_bytes(), name
    reports = [json.loads((folder / "report.json").read_text()) for folder in (once, again)]
    told = [{name: value for name, value in report.items() if "seconds" not in name} for report in reports]
    assert told[0] == told[1]


def test_a_killed_stage_goes_on_where_it_was(workshop, tmp_path, monkeypatch):
    teach(workshop)
    student = DistilledStudent(teacher=TEACHER, base=SMALL)
    whole = (workshop.artifact(student) / "model.safetensors").read_bytes()
    run = workshop.run(student)
    run = type(run)(**{**vars(run), "scratch": tmp_path / "scratch"})
    out = tmp_path / "out"
    out.mkdir()

    class Killed(BaseException):
        pass

    keep = distillation._keep

    def keep_and_die(*given):
        keep(*given)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(distillation, "_keep", keep_and_die)
        with pytest.raises(Killed):
            student.build(workshop.train, out, run)
    workshop.lines.clear()
    student.build(workshop.train, out, run)
    assert "resumed after epoch 1" in workshop.lines
    assert (out / "model.safetensors").read_bytes() == whole


def test_an_adapter_is_read_by_peft_and_changes_the_base(workshop, base):
    teach(workshop)
    chosen = PretrainedBase(model=str(base), epochs=2, learning_rate=0.02)
    folder = workshop.artifact(DistilledStudent(teacher=TEACHER, base=chosen))
    assert sorted(path.name for path in folder.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "report.json",
    ]
    settings = json.loads((folder / "adapter_config.json").read_text())
    assert (settings["r"], settings["lora_alpha"], settings["lora_dropout"]) == (8, 32, 0.05)
    assert (settings["target_modules"], settings["bias"]) == (["q_proj", "v_proj"], "none")
    tokens = torch.tensor([AutoTokenizer.from_pretrained(base)(student_prompt(["Alien (1979)"]))["input_ids"]])
    model = AutoModelForCausalLM.from_pretrained(base)
    with torch.no_grad():
        plain = model(tokens).logits
        adapted = PeftModel.from_pretrained(model, folder)(tokens).logits
    assert float((plain - adapted).abs().max()) > 1e-3
    report = json.loads((folder / "report.json").read_text())
    assert report["base"] == chosen.known_as()
    assert report["loss_after"] < report["loss_before"]


def test_defaults_are_those_of_llama_recipes():
    base = PretrainedBase(model="meta-llama/Llama-2-7b-hf")
    training = base.training()
    assert (training.epochs, training.batch_size, training.accumulation) == (3, 4, 1)
    assert (training.learning_rate, training.weight_decay, training.decay) == (1e-4, 0.0, 0.85)
    assert training == distillation.Distillation()
    assert (base.rank, base.alpha, base.dropout, base.targets) == (8, 32, 0.05, ("q_proj", "v_proj"))
    assert base.context_length == 4096


def test_targets_that_the_base_lacks_are_refused_with_those_it_has(workshop, base):
    teach(workshop)
    wrong = PretrainedBase(model=str(base), targets=("query_key_value",))
    message = refusal(workshop, DistilledStudent(teacher=TEACHER, base=wrong))
    assert message.startswith(f"{base}: no layer is named query_key_value; `targets` may name ")
    assert message.endswith("down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj")


def test_a_base_without_an_end_token_is_refused(workshop, base, tmp_path):
    teach(workshop)
    endless = tmp_path / "endless"
    endless.mkdir()
    for file in base.iterdir():
        text = file.read_bytes()
        if file.name in ("tokenizer_config.json", "generation_config.json"):
            text = json.dumps({k: v for k, v in json.loads(text).items() if "eos" not in k}).encode()
        (endless / file.name).write_bytes(text)
    settings = json.loads((endless / "config.json").read_text())
    (endless / "config.json").write_text(json.dumps(settings | {"eos_token_id": None}))
    assert refusal(workshop, DistilledStudent(teacher=TEACHER, base=PretrainedBase(model=str(endless)))) == (
        "stage 'distilled-student': neither the tokenizer nor the generation config names a token that ends a text; "
        "take another base"
    )


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({}, "`batch_size: 1` with `accumulation: 4` learns the same in less"),
        ({"batch_size": 1}, "`gradient_checkpointing: true` needs less"),
        (
            {"batch_size": 1, "gradient_checkpointing": True},
            "a smaller base or a teacher with a shorter history_length",
        ),
    ],
)
def test_too_little_memory_is_said_with_what_needs_less(workshop, monkeypatch, options, hint):
    def full(*given):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    teach(workshop)
    monkeypatch.setattr(distillation, "answer_loss", full)
    message = refusal(workshop, DistilledStudent(teacher=TEACHER, base=SMALL.model_copy(update=options)))
    assert message.startswith("stage 'distilled-student': a batch of 1 x ")
    assert "tokens does not fit the memory of cpu; " in message
    assert hint in message


@pytest.mark.parametrize(
    ("model", "message"),
    [("no/such/folder", "no such model folder; give a folder or a hub id"), ("nobody/nothing", "cannot be loaded (")],
)
def test_a_base_that_is_nowhere_is_refused(workshop, model, message):
    teach(workshop)
    with pytest.raises(BenchError, match=r"^[^\n]+$") as refused:
        workshop.artifact(DistilledStudent(teacher=TEACHER, base=PretrainedBase(model=model)))
    assert message in str(refused.value)


def test_a_base_is_known_by_its_content(base, tmp_path):
    moved = tmp_path / "moved"
    moved.mkdir()
    for file in base.iterdir():
        (moved / file.name).write_bytes(file.read_bytes())

    def key(folder, **options):
        return DistilledStudent(teacher=TEACHER, base=PretrainedBase(model=str(folder), **options)).key("data")

    assert key(moved) == key(base) == key(base, gradient_checkpointing=True)
    assert key(base, rank=4) != key(base)
    settings = json.loads((moved / "config.json").read_text())
    (moved / "config.json").write_text(json.dumps(settings | {"rms_norm_eps": 0.1}))
    assert key(moved) != key(base)


def test_options_are_told_apart_by_kind_and_described():
    stage = DistilledStudent.model_validate({"teacher": TEACHER, "base": {"kind": "from-scratch", "width": 64}})
    assert stage.base == FromScratch(width=64)
    with pytest.raises(ValueError, match="width 20 is no even multiple of heads 3"):
        FromScratch(width=20, heads=3)
    for kind in (DistilledStudent, FromScratch, PretrainedBase):
        assert all(field.description for field in kind.model_fields.values())
