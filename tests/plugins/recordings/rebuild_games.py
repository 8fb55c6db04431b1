"""Make the shipped cassette on Amazon Video Games 2018 from the recorded file, the data set and the project's prompts.

    python tests/plugins/recordings/rebuild_games.py RECORDINGS DATA OUT

RECORDINGS holds `slim_teacher_rationales.jsonl` as recorded, DATA the sample of 3000 users; OUT receives the cassette,
which holds keys and answers only.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from rebuild import Shown, recorded_rows, write_cassette

from llmrec_bench import Prompt
from llmrec_bench.data.dataset import Preparation, load_dataset
from llmrec_bench_plugins.datasets.sequence_table import SequenceTable
from llmrec_bench_plugins.stages.wording import cut_titles, rationale_prompt

CASSETTE = "games-2018-sample3000.jsonl"
PRODUCTS = "video games and gaming products"
TITLE_WORDS = 20


def games(folder: Path) -> Shown:
    """The sample as it lies in its folder: repeats are dropped there, users drawn, and the latest 50 items kept."""
    dataset = load_dataset("games", SequenceTable(path=folder), Preparation())
    titles = cut_titles(dataset.items["title"], TITLE_WORDS)
    return Shown(dataset, dataset.items["token"].astype(str).tolist(), titles)


def prompts(known: Shown) -> Iterator[tuple[str, Prompt]]:
    """Every recorded prompt, with the file and the row it belongs to, as `FILE USER`."""
    for code, user in enumerate(known.dataset.users.astype(str)):
        shown = known.shown(known.history(code, before=3))
        yield f"slim_teacher_rationales {user}", rationale_prompt("products", *shown, PRODUCTS)


def main(recordings: Path, data: Path, out: Path) -> None:
    """Write the cassette."""
    known = games(data)
    count = write_cassette(out / CASSETTE, known, recorded_rows(recordings), prompts(known))
    print(f"{count:,} answers written to {out}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
