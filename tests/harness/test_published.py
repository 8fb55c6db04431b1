"""Published numbers: what a file says, every way it can be wrong, and how its protocol compares with ours."""

from collections.abc import Callable
from pathlib import Path

import pytest

from llmrec_bench import BenchError
from llmrec_bench.data.splits import Ratio
from llmrec_bench.protocol import CandidateFile, Protocol, Sampled
from llmrec_bench.published import COLUMNS, Published, compare_protocols, read_published

SHIPPED = sorted((Path(__file__).parents[2] / "results" / "published").glob("*.csv"))
HEADER = ",".join(COLUMNS)
WITHOUT_UNIT = HEADER.replace(",unit", "")
ROW = "A Paper,1,Games,GRU4Rec,SLIM-,HR@10,45.13,0.56,,percent,candidates: sampled 100; seen: mask"

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_text(text: str) -> Path:
        path = tmp_path / "paper.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write_text


def test_percent_becomes_a_share_and_labels_match_in_any_case(write: Write) -> None:
    number = read_published(write(f"{HEADER}\n{ROW}\n")).number("games", "gru4rec slim-", "HR@10")
    assert number is not None
    assert (number.mean, number.std) == (0.4513, 0.0056)
    assert number.origin == "A Paper, table 1"
    assert number.protocol == {"candidates": "sampled 100", "seen": "mask"}


def test_a_plain_number_stays_and_what_is_left_empty_is_unknown(write: Write) -> None:
    published = read_published(
        write(f"{HEADER}\nA Log,,Games,,Pop,EFD@10,0.5810,,,plain,\nA Log,,Games,,Pop,HR@10,,,,plain,\n")
    )
    number = published.number("Games", "Pop", "EFD@10")
    assert number is not None
    assert (number.mean, number.std, number.origin, number.protocol) == (0.581, None, "A Log", {})
    empty = published.number("Games", "Pop", "HR@10")
    assert empty is not None
    assert empty.mean is None
    assert published.number("Games", "Pop", "HR@20") is None


def test_a_file_may_list_the_runs_behind_a_mean(write: Write) -> None:
    published = read_published(write(f"{HEADER},runs\n{ROW},45.1 45.16\n{ROW.replace('HR@10', 'HR@20')},\n"))
    assert [number.runs for number in published.numbers.values()] == [(0.451, 0.4516), ()]
    assert next(iter(read_published(write(f"{HEADER}\n{ROW}\n")).numbers.values())).runs == ()


def test_columns_may_stand_in_any_order(write: Write) -> None:
    turned = [",".join(reversed(line.split(","))) for line in (HEADER, ROW)]
    assert read_published(write("\n".join(turned))) == read_published(write(f"\ufeff{HEADER}\r\n{ROW}\r\n"))


@pytest.mark.parametrize(
    ("backbone", "method", "label"),
    [
        ("GRU4Rec", "GRU4Rec", "GRU4Rec"),
        ("GRU4Rec", "GRU4Rec+", "GRU4Rec+"),
        ("GRU4Rec", "SLIM-", "GRU4Rec SLIM-"),
        ("none (text matching)", "SLIM-Step1", "SLIM-Step1"),
        ("None", "SLIM", "SLIM"),
        ("", "PopRec", "PopRec"),
    ],
)
def test_a_row_is_called_by_backbone_and_method(write: Write, backbone: str, method: str, label: str) -> None:
    published = read_published(write(f"{HEADER}\nP,1,Games,{backbone},{method},HR@10,1,,,plain,\n"))
    assert [number.label for number in published.numbers.values()] == [label]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f":1: the columns should be {HEADER} (given none)"),
        (HEADER, ": there are no rows in it"),
        (WITHOUT_UNIT, f":1: the columns should be {HEADER} (given {WITHOUT_UNIT})"),
        (HEADER.replace("unit", "units") + "\n", ":1: unknown column 'units'; did you mean 'unit'?"),
        (f"{HEADER},run\n", ":1: unknown column 'run'; did you mean 'runs'?"),
        (f"{HEADER},runs,runs\n", f":1: the columns should be {HEADER} (given {HEADER},runs,runs)"),
        (f"{HEADER},runs\n{ROW},45.1 n/a\n", ":2: runs should be numbers, or nothing (given 'n/a')"),
        (f"{HEADER}\n{ROW},\n", ":2: should have 11 fields (given 12)"),
        (f"{HEADER}\n{ROW.replace('45.13', '45,13')}", ":2: should have 11 fields (given 12)"),
        (f"{HEADER}\n{ROW.replace('45.13', 'Hard')}", ":2: mean should be a number, or nothing (given 'Hard')"),
        (f"{HEADER}\n{ROW.replace('0.56', 'inf')}", ":2: std should be a number, or nothing (given 'inf')"),
        (f"{HEADER}\n{ROW.replace('percent', 'precent')}", ":2: unknown unit 'precent'; did you mean 'percent'?"),
        (f"{HEADER}\n{ROW.replace('percent', '')}", ":2: unknown unit ''; known: percent, plain"),
        (f"{HEADER}\n{ROW.replace('seen:', 'sen:')}", ":2: protocol: unknown aspect 'sen'; did you mean 'seen'?"),
        (
            f"{HEADER}\n{ROW.replace('seen: mask', 'seen')}",
            ":2: protocol: 'seen' should have a value, as in 'seen: mask'; leave it out where unsaid",
        ),
        (
            f"{HEADER}\n{ROW}\n\n{ROW.replace('Games', 'GAMES')}",
            ":4: HR@10 of 'GRU4Rec SLIM-' on 'GAMES' stands on line 2 already; keep one, or name the methods apart",
        ),
        (f'{HEADER}\n"{ROW}', ": cannot be read as CSV (unexpected end of data)"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file(write: Write, text: str, message: str) -> None:
    path = write(text)
    with pytest.raises(BenchError) as error:
        read_published(path)
    assert str(error.value) == f"{path}{message}"


def test_a_file_that_is_not_there(write: Write) -> None:
    path = write(HEADER)
    with pytest.raises(BenchError) as error:
        read_published(path.with_name("papers.csv"))
    assert str(error.value) == f"{path.with_name('papers.csv')}: no such file; did you mean 'paper.csv'?"
    with pytest.raises(BenchError, match="cannot be read as CSV"):
        read_published(path.parent)


def test_a_file_about_no_data_set_says_so(write: Write) -> None:
    published = read_published(write(f"{HEADER}\nP,3,,,SLIM,seconds,6.11,,,plain,\n"))
    assert list(published.notes("Games", ["SLIM"], ["HR@10"], Protocol())) == [
        "Published: paper.csv has no data set 'Games'; it has none."
    ]


# Protocols

LISTS = Path("lists.txt")


@pytest.mark.parametrize(
    ("said", "ours", "told"),
    [
        (
            {},
            Protocol(),
            "Its protocol is not known to differ. It leaves unsaid: split, candidates, seen, ties.",
        ),
        (
            {"split": "leave-one-out", "candidates": "sampled 100"},
            Protocol(candidates=Sampled(n=100, mode="sasrec"), seen="none"),
            "Its protocol is not known to differ. It leaves unsaid: negatives, seen, ties.",
        ),
        (
            {"split": "leave-one-out", "candidates": "full", "seen": "zero", "ties": "expected"},
            Protocol(),
            "Its protocol differs in seen (zero, here mask).",
        ),
        (
            {"candidates": "sampled 100", "negatives": "uniform sasrec"},
            Protocol(candidates=Sampled(n=99), split=Ratio()),
            "Its protocol differs in candidates (sampled 100, here sampled 99). It leaves unsaid: split, seen, ties.",
        ),
        (
            {"candidates": "sampled 100", "negatives": "uniform sasrec"},
            Protocol(candidates=Sampled(n=100)),
            "Its protocol differs in negatives (uniform sasrec, here uniform strict). "
            "It leaves unsaid: split, seen, ties.",
        ),
        (
            {"split": "leave-one-out", "candidates": "full", "seen": "mask", "ties": "expected"},
            Protocol(candidates=CandidateFile(path=LISTS), split=Ratio()),
            "Its protocol differs in split (leave-one-out, here per-user ratio 80:10:10), "
            "candidates (full, here from a file).",
        ),
    ],
)  # fmt: skip
def test_protocols_are_compared_in_what_is_said(said: dict[str, str], ours: Protocol, told: str) -> None:
    assert compare_protocols(said, ours) == told


# What comes with the project


def shipped(name: str) -> Published:
    return read_published(next(path for path in SHIPPED if path.stem == name))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_file_can_stand_beside_a_table(path: Path) -> None:
    """Read without a mistake, so that no label has two values of a metric on a data set."""
    published = read_published(path)
    accuracy = [
        n
        for n in published.numbers.values()
        if n.metric.startswith(("HR@", "NDCG@", "EPC@")) and "mprov" not in n.label
    ]
    printed_zeros = {("llmrank_table4", "UniSRec", "NDCG@1")}
    assert all(n.mean is not None and (n.mean > 0 or (path.stem, n.label, n.metric) in printed_zeros) for n in accuracy)
    assert all(n.mean < 1 for n in accuracy)
    assert all(n.protocol for n in accuracy)
    assert path.name in (path.parent / "README.md").read_text(encoding="utf-8")


def test_the_tables_of_slim_are_all_there() -> None:
    assert [int(path.stem[10:11]) for path in SHIPPED if path.stem.startswith("slim_table")] == list(range(1, 9))


@pytest.mark.parametrize(
    ("file", "dataset", "label", "metric", "mean"),
    [
        ("slim_table1", "Home", "SRGNN SLIM", "HR@20", 0.4701),
        ("slim_table2", "Games", "SLIM-Step3", "NDCG@10", 0.2020),
        ("slim_table4", "Games", "SRGNN SLIM(student=Bloomz-1B)", "HR@10", 0.3847),
        ("slim_table5", "Games", "SLIM(student=Bloomz-560M)", "HR@10", 0.3415),
        ("slim_table7", "Games", "SLIM*", "HR@10", 0.3733),
        ("slim_table8", "Games", "SASRec SLIM", "EFD@10", 0.8171),
        ("sasrec_reference", "ML-1M", "SASRec", "HR@10", 0.8245),
        ("s3rec_repo_fullrank", "Beauty", "SASRec", "HR@5", 0.0387),
        ("llmrank_table2", "Games", "LLM In-Context Learning", "NDCG@20", 0.5892),
        ("llmrank_table3", "ML-1M", "GPT-4", "NDCG@10", 0.4674),
        ("llmrank_table4", "Games", "UniSRec", "NDCG@1", 0.0),
    ],
)
def test_shipped_numbers_are_as_printed(file: str, dataset: str, label: str, metric: str, mean: float) -> None:
    number = shipped(file).number(dataset, label, metric)
    assert number is not None
    assert number.mean == mean


def test_tables_of_one_paper_agree_where_they_overlap() -> None:
    """SLIM's Tables 4 and 6 repeat backbones of Table 1; what the header of Table 6 calls Home is Food there."""
    first = shipped("slim_table1")
    repeated = [
        (number, again)
        for file in ("slim_table4", "slim_table6")
        for number in shipped(file).numbers.values()
        if (again := first.number(number.dataset, number.label, number.metric)) is not None
    ]
    assert {number.dataset for number, _ in repeated} == {"Games", "Food"}
    assert all(number.mean == again.mean for number, again in repeated)


def test_rows_of_all_users_stand_in_llmranks_table_of_200_too() -> None:
    all_users, subset = shipped("llmrank_table2"), shipped("llmrank_table3")
    repeated = [key for key in subset.numbers if key in all_users.numbers]
    assert {label for _, label, _ in repeated} == {"bm25", "unisrec"}
    assert all(subset.numbers[key].mean == all_users.numbers[key].mean for key in repeated)


def test_the_tables_of_rdrec_agree_where_they_print_the_same() -> None:
    """All but the three numbers of Table 5 that the README names."""
    sequential, top_n = shipped("rdrec_table2_sequential"), shipped("rdrec_table3_topn")
    fives, sixes, s3rec = shipped("rdrec_table5_ratios"), shipped("rdrec_table6_ratios"), shipped("s3rec_repo_fullrank")
    for number in shipped("rdrec_table4_ablation").numbers.values():
        if number.label == "RDRec":
            table = top_n if number.dataset.endswith("top-N") else sequential
            assert number.mean == table.numbers[number.key].mean
    copied = [n for n in sequential.numbers.values() if s3rec.numbers.get(n.key)]
    assert len(copied) == 84
    assert all(n.mean == s3rec.numbers[n.key].mean for n in copied)
    assert [(n.dataset, n.metric) for n in fives.numbers.values() if n.mean != sixes.numbers[n.key].mean] == [
        ("Beauty top-N", "HR@10"),
        ("Toys top-N", "HR@10"),
        ("Sports top-N", "NDCG@10"),
    ]


@pytest.mark.parametrize(("table", "dataset"), [("2_sequential", "Beauty"), ("3_topn", "Beauty top-N")])
def test_a_table_says_which_row_of_rdrec_is_uncertain(table: str, dataset: str) -> None:
    numbers = shipped(f"rdrec_table{table}")
    told = {label: list(numbers.notes(dataset, [label], ["HR@10"], Protocol())) for label in ("P5", "POD")}
    assert "(P5: uncertain which model" in told["P5"][0]
    assert "uncertain" not in told["POD"][0]
