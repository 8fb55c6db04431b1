"""Make the shipped cassette on MovieLens from the recorded files, the recbole package and the project's prompts.

    python tests/plugins/recordings/rebuild.py RECORDINGS OUT

RECORDINGS holds `*.jsonl` as recorded (histories, candidates, answers); OUT receives the cassette, which holds keys and
answers only, and the candidates of the rankings, each as its place among the items that the user never rated: without
MovieLens-100K itself neither tells anything of it. The orders are those of the candidates in the prompts, by ascending
item code; they tell nothing of which one is the test item.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from llmrec_bench import Completion, Prompt
from llmrec_bench.data.dataset import Dataset, Preparation, load_dataset
from llmrec_bench.llm.cassette import Entry, request_key
from llmrec_bench_plugins.datasets.movielens_100k import MovieLens100K
from llmrec_bench_plugins.llms.recorded import Recorded
from llmrec_bench_plugins.stages.scenario_factors import factors, factors_file
from llmrec_bench_plugins.stages.wording import (
    item_facts_prompt,
    preference_prompt,
    ranking_prompt,
    rationale_prompt,
)

CASSETTE, CANDIDATES, ORDERS = "ml-100k.jsonl", "ml-100k-ranking-candidates.csv", "ml-100k-ranking-orders.csv"
HISTORY = 20
RECORDED = "2026-11"
TARGET = "t"
"""Stands in the file of candidates where the user's own test item stood."""


@dataclass(frozen=True)
class Shown:
    """A data set as it was prepared for the recordings."""

    dataset: Dataset
    tokens: list[str]
    titles: list[str]

    def history(self, user: int, before: int) -> list[int]:
        """The latest items (codes) before a user's last `before` events."""
        row = self.dataset.sequences[user]
        return row[: len(row) - before][-HISTORY:].tolist()

    def shown(self, codes: list[int]) -> tuple[list[str], list[str]]:
        """Tokens and titles."""
        return [self.tokens[c] for c in codes], [self.titles[c] for c in codes]

    def unrated(self, user: int) -> np.ndarray:
        """Item codes, ascending."""
        return np.setdiff1d(np.arange(len(self.tokens)), self.dataset.sequences[user])


def films() -> Shown:
    """Duplicates dropped, iterative 5-core."""
    filters = [{"filter": "drop-duplicates"}, {"filter": "k-core", "users": 5, "items": 5, "mode": "iterative"}]
    preparation = Preparation.model_validate_json(json.dumps({"filters": filters}))
    dataset = load_dataset("ml-100k", MovieLens100K(), preparation)
    return Shown(dataset, dataset.items["token"].astype(str).tolist(), dataset.items["title"].tolist())


def places(known: Shown, user: int, candidates: list[int]) -> list[str]:
    """Candidates (codes) as places among the items that the user never rated."""
    target = int(known.dataset.sequences[user][-1])
    return [TARGET if c == target else str(int(np.searchsorted(known.unrated(user), c))) for c in candidates]


def candidates_of(known: Shown, file: Path) -> list[list[int]]:
    """(U, 20) item codes: `places` undone."""
    rows = [line.split(",") for line in file.read_text().splitlines()]
    return [
        [int(known.dataset.sequences[u][-1]) if p == TARGET else int(known.unrated(u)[int(p)]) for p in row]
        for u, row in enumerate(rows)
    ]


def prompts(known: Shown, candidates: list[list[int]]) -> Iterator[tuple[str, Prompt]]:
    """Every recorded prompt, with the file and the row it belongs to, as `FILE USER-OR-ITEM`."""
    films = factors_file("films", "movies")
    told, liked = factors(films, "facts"), factors(films, "preference")
    for token, title in zip(known.tokens, known.titles, strict=True):
        yield f"enhancer_item_facts {token}", item_facts_prompt("movies", token, title, told)
    for code, user in enumerate(known.dataset.users.astype(str)):
        tokens, titles = known.shown(known.history(code, before=3))
        yield f"slim_teacher_rationales {user}", rationale_prompt("movies", tokens, titles)
        yield f"enhancer_user_preferences {user}", preference_prompt("movies", tokens, titles, liked)
        offered = known.shown(candidates[code])
        yield f"ranker_rankings {user}", ranking_prompt("movies", *known.shown(known.history(code, before=1)), *offered)


def recorded_rows(folder: Path) -> dict[str, dict[str, Any]]:
    """What was recorded, by `FILE USER-OR-ITEM`."""
    rows = {}
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            rows[f"{file.stem} {row['user'] if 'user' in row else row['item']}"] = row
    return rows


def write_cassette(
    file: Path, known: Shown, rows: dict[str, dict[str, Any]], asked: Iterable[tuple[str, Prompt]]
) -> int:
    """How many answers; of users with the same history, and so the same prompt, the first one's is kept. Ends with an
    error where a recorded row is not what the loader arrives at."""
    identity = Recorded(Recorded.Config(), known.dataset.items).identity()
    entries: dict[str, Entry] = {}
    for name, prompt in asked:
        row = rows.pop(name)
        shown = [
            str(i)
            for i in [*row.get("history", []), *row.get("candidates", []), *([row["item"]] if "item" in row else [])]
        ]
        if shown != list(prompt.items):
            raise SystemExit(f"{name}: recorded for items {shown}, but the loader shows {list(prompt.items)}")
        completion = Completion(row["answer"], "unknown")
        entry = Entry(request_key(identity, prompt), identity, prompt.family, completion, RECORDED, None)
        entries.setdefault(entry.key, entry)
    if rows:
        raise SystemExit(f"{len(rows)} recorded rows belong to no prompt, the first: {next(iter(rows))}")
    file.write_bytes(b"".join(entries[key].line() for key in sorted(entries)))
    return len(entries)


def main(folder: Path, out: Path) -> None:
    """Write both files."""
    known, rows = films(), recorded_rows(folder)
    code_of = {token: code for code, token in enumerate(known.tokens)}
    users = known.dataset.users.astype(str)
    candidates = [[code_of[str(i)] for i in rows[f"ranker_rankings {user}"]["candidates"]] for user in users]
    count = write_cassette(out / CASSETTE, known, rows, prompts(known, candidates))
    written = [",".join(places(known, code, row)) for code, row in enumerate(candidates)]
    (out / CANDIDATES).write_text("\n".join(written) + "\n")
    orders = [",".join(map(str, np.argsort(np.argsort(row)))) for row in candidates]
    (out / ORDERS).write_text("\n".join(orders) + "\n")
    print(f"{count:,} answers and the candidates of {len(candidates):,} rankings written to {out}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
