"""A student writes about every user, whatever it writes, and from whatever folder it comes."""

import json
import shutil

import pytest
import torch

from llmrec_bench import BenchError
from llmrec_bench_plugins.blocks import text_generation
from llmrec_bench_plugins.blocks.small_llama import small_llama
from llmrec_bench_plugins.llms.simulated import Simulated
from llmrec_bench_plugins.stages import student_rationales
from llmrec_bench_plugins.stages.distilled_student import DistilledStudent
from llmrec_bench_plugins.stages.rationales import write_rationales
from llmrec_bench_plugins.stages.student_answers import write_answers
from llmrec_bench_plugins.stages.student_bases import FromScratch, PretrainedBase
from llmrec_bench_plugins.stages.student_folder import StudentFolder
from llmrec_bench_plugins.stages.student_prompt import student_prompt
from llmrec_bench_plugins.stages.student_rationales import StudentRationales
from llmrec_bench_plugins.stages.teacher_rationales import TeacherRationales
from llmrec_bench_plugins.stages.text_encoders import TfIdf
from llmrec_bench_plugins.stages.user_histories import user_histories
from llmrec_bench_plugins.stages.user_text_embeddings import UserTextEmbeddings

TEACHER = TeacherRationales(writer=Simulated.Config(), history_length=3)
SMALL = FromScratch(width=16, layers=1, heads=2, vocabulary=300, context_length=256, epochs=2)
STUDENT = DistilledStudent(teacher=TEACHER, base=SMALL)
TEXT = "Step 1: You like {0}. Step 2:\n1. {0}\nStep 3:\n1. {0}"


@pytest.fixture
def taught(workshop):
    """A workshop where the teacher has written."""
    folder = workshop.place(TEACHER)
    folder.mkdir(parents=True)
    histories = user_histories(workshop.train, TEACHER.cutoff, TEACHER.history_length)
    texts = [(history, TEXT.format(f"kind {history.user}")) for history in histories]
    write_rationales(folder, workshop.train, workshop.run(TEACHER), texts)
    return workshop


def tiny(seed=0, width=16, layers=2, wide=False):
    """An untrained student; `wide` weights make it write at random for ever."""
    model = small_llama([student_prompt(["Alien (1979)"]), TEXT], 320, width, layers, 2, 512, seed, "cpu")
    if wide:
        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(seed)
            for weight in model.model.parameters():
                weight.normal_(0, 0.5)
            model.model.model.norm.weight.fill_(1)
            model.model.lm_head.weight[model.tokenizer.eos_token_id] = 0
    return model


def saved(model, folder):
    model.model.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    return folder


def silent():
    """A student that stops at once: after any token its end token is the likeliest."""
    model = tiny()
    with torch.no_grad():
        for name, weight in model.model.named_parameters():
            if "proj" in name:
                weight.zero_()
        weight = model.model.model.embed_tokens.weight
        weight.fill_(0.1)
        weight[model.tokenizer.eos_token_id] = 1.0
    return model


def refusal(workshop, stage):
    with pytest.raises(BenchError) as refused:
        workshop.artifact(stage)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def written(workshop, stage):
    """{user: (serves, text)} of a built stage."""
    workshop.artifact(stage)
    return {(text.user, text.serves): text.text for text in stage.read(workshop.train, workshop.run(stage))}


def test_every_user_with_a_history_is_written_about(taught):
    stage = StudentRationales(student=STUDENT, max_new_tokens=20)
    taught.artifact(STUDENT)
    taught.seen.clear()
    texts = written(taught, stage)
    assert [user for user, _ in texts] == list(range(8))
    assert {serves for _, serves in texts} == {("train", "validation", "test")}
    assert stage.texts_about_users(taught.place(stage)) == {user: text for (user, _), text in texts.items()}
    rows = taught.train.sequences
    assert taught.seen == {str(user): {f"i{item}" for item in rows[user][:-1][-3:]} for user in range(8)}
    student = SMALL.trained(taught.artifact(STUDENT), "cpu")
    titles = taught.train.items["title"]
    prompt = student_prompt([titles[item] for item in rows[2][:-1][-3:]])
    [answer] = write_answers(student, [prompt], 20, 0.0, 0, 1)
    assert texts[2, ("train", "validation", "test")] == answer.text
    assert taught.lines[-2].startswith("8 answers of a student: ")


def test_the_cut_off_and_the_length_are_the_teacher_s_unless_given(taught):
    plain = StudentRationales(student=STUDENT)
    told = StudentRationales(student=STUDENT, cutoff="earliest", history_length=3)
    assert plain.key("data") == told.key("data")
    assert plain.key("data") == StudentRationales(student=STUDENT, seed=5, batch_size=1).key("data")
    other = StudentRationales(student=STUDENT, cutoff="per_split", history_length=2, max_new_tokens=5)
    assert other.key("data") != plain.key("data")
    sampled = [StudentRationales(student=STUDENT, temperature=1.0, seed=seed).key("data") for seed in (0, 1)]
    assert len({*sampled, plain.key("data")}) == 3
    texts = written(taught, other)
    assert [serves for user, serves in texts if user == 0] == [("train",), ("validation",), ("test",)]
    assert {user for user, _ in texts} == set(range(9))
    # The last but one of them has one training item, so no history before it; of user 0 the test may see validation's.
    assert taught.seen["0"] == {f"i{item}" for item in [*taught.train.sequences[0][1:], 6]}


def test_items_without_a_title_are_not_shown(taught, tmp_path):
    titles = taught.train.items["title"].copy()
    titles[taught.train.sequences[0][-2]] = ""
    taught.train.items["title"] = titles
    taught.seen.clear()
    folder = saved(tiny(), tmp_path / "student")
    texts = written(taught, StudentRationales(student=StudentFolder(path=folder), max_new_tokens=5))
    untitled = f"i{taught.train.sequences[0][-2]}"
    assert untitled not in set().union(*taught.seen.values())
    assert 0 in {user for user, _ in texts}


def test_a_user_of_untitled_items_alone_is_left_out_and_no_history_at_all_is_refused(taught, tmp_path):
    student = StudentFolder(path=saved(tiny(), tmp_path / "student"))
    taught.train.items["title"] = ["Alien (1979)", *[""] * 7]
    texts = written(taught, StudentRationales(student=student, max_new_tokens=5))
    rows = taught.train.sequences
    assert {user for user, _ in texts} == {user for user in range(8) if 0 in rows[user][:-1]}
    taught.train.items["title"] = ""
    assert refusal(taught, StudentRationales(student=student, max_new_tokens=6)) == (
        "stage 'student-rationales': no user has a history of titled items to write about"
    )


def counted(workshop):
    return next(line for line in workshop.lines if "answers of a student" in line)


def test_a_student_that_writes_nothing_is_counted(taught, tmp_path):
    stage = StudentRationales(student=StudentFolder(path=saved(silent(), tmp_path / "silent")))
    assert set(written(taught, stage).values()) == {""}
    assert counted(taught) == (
        "8 answers of a student: 0 have all three steps, 8 are empty, 0 were cut at 300 tokens, 0 had no room in the "
        "model or the memory"
    )


def test_a_student_that_writes_nothing_leaves_nothing_to_encode(taught, tmp_path):
    texts = StudentRationales(student=StudentFolder(path=saved(silent(), tmp_path / "silent")))
    stage = UserTextEmbeddings(texts=texts, encoder=TfIdf())
    assert refusal(taught, stage) == "user-text-embeddings: no user has a text"
    assert taught.place(texts).exists()  # what it cost is not lost


def test_a_student_whose_chat_template_refuses_is_refused_in_one_line(taught, tmp_path):
    model = tiny()
    model.tokenizer.chat_template = "{{ raise_exception('no user\\nrole') }}"
    student = StudentFolder(path=saved(model, tmp_path / "strict"))
    reason = "chat template refuses the prompt (no user role); take another"
    assert refusal(taught, StudentRationales(student=student)) == f"the student's {reason}"
    pretrained = DistilledStudent(teacher=TEACHER, base=PretrainedBase(model=str(student.path)))
    assert refusal(taught, pretrained) == f"stage 'distilled-student': the base's {reason} base"


def test_a_student_too_large_for_the_memory_is_refused_in_one_line(taught, tmp_path, monkeypatch):
    def full(*given):
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 20 GiB")

    folder = saved(tiny(), tmp_path / "student")
    stage = StudentRationales(student=StudentFolder(path=folder))
    with monkeypatch.context() as patch:
        patch.setattr(text_generation, "continue_batch", full)
        line = refusal(taught, stage)
    assert line.endswith("or the memory of cpu; a shorter history_length or fewer max_new_tokens would")
    monkeypatch.setattr(text_generation, "load_causal_model", full)
    says = "its weights in float32 do not fit the memory of cpu; take a smaller model"
    assert refusal(taught, stage.model_copy(update={"max_new_tokens": 9})) == f"{folder}: {says}"


def test_titles_are_as_long_as_the_teacher_showed_them(taught):
    teacher = TEACHER.model_copy(update={"title_words": 1})
    [(_, prompt), *_] = StudentRationales(student=STUDENT.model_copy(update={"teacher": teacher}))._asked(taught.train)
    assert ": 0). Alien, 1). Brazil, 2). Alien. Please" in prompt  # without the years


def test_a_student_that_never_stops_is_counted(taught, tmp_path):
    stage = StudentRationales(student=StudentFolder(path=saved(tiny(wide=True), tmp_path / "wide")), max_new_tokens=9)
    assert all(written(taught, stage).values())
    assert "0 are empty, 8 were cut at 9 tokens, 0 had no room" in counted(taught)
    assert any(line.startswith("72 tokens written in ") for line in taught.lines)


def test_prompts_too_long_for_the_student_are_counted_and_none_but_these_is_refused(taught, tmp_path):
    model = tiny(wide=True)
    student = StudentFolder(path=saved(model, tmp_path / "wide"))
    [single] = [taught.train.items["title"][item] for item in taught.train.sequences[8]]
    longest = model.positions - len(model.tokens([{"role": "user", "content": student_prompt([single])}]))
    stage = StudentRationales(student=student, max_new_tokens=longest, cutoff="per_split", history_length=3)
    assert {user for (user, _), text in written(taught, stage).items() if text} == {8}
    assert "26 answers of a student" in counted(taught)
    assert "24 are empty, 2 were cut" in counted(taught)
    assert counted(taught).endswith("24 had no room in the model or the memory")
    for room in (longest + 1, 600):
        assert refusal(taught, stage.model_copy(update={"max_new_tokens": room})).startswith(
            f"stage 'student-rationales': no prompt fits the student with {room} tokens for the answer"
        )


def test_a_text_does_not_depend_on_its_batch_and_drawn_ones_follow_the_seed(taught, tmp_path):
    student = StudentFolder(path=saved(tiny(wide=True), tmp_path / "wide"))

    def texts(place, **options):
        folder = tmp_path / place
        folder.mkdir()
        stage = StudentRationales(student=student, max_new_tokens=12, **options)
        run = taught.run(stage)
        stage.build(taught.train, folder, type(run)(**{**vars(run), "scratch": folder / "scratch"}))
        return (folder / "rationales.parquet").read_bytes()

    greedy = texts("greedy")
    assert texts("one", batch_size=1) == greedy
    drawn = texts("drawn", temperature=1.0)
    assert texts("again", temperature=1.0, batch_size=3) == drawn
    assert len({greedy, drawn, texts("other", temperature=1.0, seed=1)}) == 3


def test_what_was_written_before_a_kill_is_not_written_again(taught, tmp_path, monkeypatch):
    stage = StudentRationales(student=StudentFolder(path=saved(tiny(wide=True), tmp_path / "wide")), max_new_tokens=9)
    whole = written(taught, stage)
    shutil.rmtree(taught.place(stage))
    shutil.rmtree(taught.run(stage).scratch)
    asked = []

    def write_two(model, prompts, *options):
        if len(asked) == 2:
            asked.append(None)
            raise KeyboardInterrupt
        asked.append(len(prompts))
        return write_answers(model, prompts, *options)

    monkeypatch.setattr(student_rationales, "_SLICE", 3)
    monkeypatch.setattr(student_rationales, "write_answers", write_two)
    with pytest.raises(KeyboardInterrupt):
        taught.artifact(stage)
    shutil.rmtree(taught.place(stage))
    assert written(taught, stage) == whole
    assert asked == [3, 3, None, 2]


@pytest.fixture
def adapted(taught, tmp_path):
    """A base's folder and the student that was distilled from it."""
    base = saved(tiny(3, wide=True), tmp_path / "base")
    student = DistilledStudent(teacher=TEACHER, base=PretrainedBase(model=str(base), epochs=1, learning_rate=0.05))
    return base, student


def test_an_adapter_from_a_folder_writes_as_the_student_it_was(taught, adapted, tmp_path):
    base, student = adapted
    direct = written(taught, StudentRationales(student=student, max_new_tokens=12))
    plain = written(taught, StudentRationales(student=StudentFolder(path=base), max_new_tokens=12, history_length=3))
    moved = shutil.copytree(taught.artifact(student), tmp_path / "moved")
    folder = StudentRationales(student=StudentFolder(path=moved), max_new_tokens=12, history_length=3)
    assert written(taught, folder) == direct
    assert direct != plain
    elsewhere = shutil.copytree(base, tmp_path / "elsewhere")
    named = folder.model_copy(update={"student": StudentFolder(path=moved, base=str(elsewhere))})
    assert named.key("data") == folder.key("data")
    shutil.rmtree(base)
    assert named.key("data")
    with pytest.raises(BenchError, match=r"^[^\n]*base: no such model folder; give a folder or a hub id"):
        folder.key("data")


def test_an_adapter_for_another_base_is_refused_in_one_line(taught, adapted, tmp_path):
    _, student = adapted
    moved = shutil.copytree(taught.artifact(student), tmp_path / "moved")

    def told(model):
        other = saved(model, tmp_path / f"other{len(list(tmp_path.iterdir()))}")
        stage = StudentRationales(student=StudentFolder(path=moved, base=str(other)), max_new_tokens=5)
        with pytest.raises(BenchError, match=r"^[^\n]+$") as refused:
            written(taught, stage)
        return str(refused.value)

    assert "an adapter for another model than " in told(tiny(4))
    (moved / "report.json").unlink()  # of an adapter made by others, names and shapes of the layers tell
    assert "the adapter was trained on another model" in told(tiny(layers=3))
    assert "cannot be loaded (" in told(tiny(width=32))


def test_folders_that_hold_no_student_are_refused(adapted, tmp_path):
    base, _ = adapted

    def told(**options):
        with pytest.raises(BenchError, match=r"^[^\n]+$") as refused:
            StudentRationales(student=StudentFolder(**options)).key("data")
        return str(refused.value)

    assert "a whole model, which has no `base`; leave it out" in told(path=base, base=str(base))
    assert "no such folder; a student is a folder" in told(path=tmp_path / "nowhere")
    nameless = tmp_path / "nameless"
    nameless.mkdir()
    (nameless / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    assert "no adapter in this folder (looked for adapter_config.json and adapter_m" in told(path=nameless)
    (nameless / "adapter_model.safetensors").write_bytes(b"")
    assert "an adapter that does not name its model; give it as `base`" in told(path=nameless)
    (nameless / "adapter_config.json").write_text(json.dumps({"peft_type": "IA3"}))
    assert "an adapter of type IA3; only LORA is read" in told(path=nameless)


def test_options_are_told_apart_by_kind_and_described(tmp_path):
    stage = StudentRationales.model_validate({"student": {"kind": "folder", "path": tmp_path}})
    assert stage.student == StudentFolder(path=tmp_path)
    for kind in (StudentRationales, StudentFolder):
        assert all(field.description for field in kind.model_fields.values())
