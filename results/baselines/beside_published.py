"""Our regression tables beside what papers and their code print, as Markdown.

python results/baselines/beside_published.py
"""

import csv
import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BASELINES = Path(__file__).parent
PUBLISHED = BASELINES.parent / "published"


@dataclass(frozen=True)
class Printed:
    """Rows of a file under `published/` about one data set."""

    file: str
    dataset: str

    def value(self, method: str, metric: str) -> float:
        """What is printed for a method, as a share."""
        with (PUBLISHED / self.file).open(encoding="utf-8") as file:
            rows = [
                row
                for row in csv.DictReader(file)
                if (row["dataset"], row["method"], row["metric"]) == (self.dataset, method, metric)
            ]
        [row] = rows
        return float(row["mean"]) / (100 if row["unit"] == "percent" else 1)


S3REC, SASREC, SLIM = "s3rec_repo_fullrank.csv", "sasrec_reference.csv", "slim_table1.csv"
RANDOM_LISTS, HARD_LISTS = "llmrank_table2.csv", "llmrank_table4.csv"


def _llmrank(file: str, dataset: str) -> list[tuple[str, str, Printed]]:
    return [(method, method, Printed(file, dataset)) for method in ("Pop", "BM25", "SASRec")]


COMPARED: dict[str, list[tuple[str, str, Printed]]] = {
    "p5-beauty": [
        ("sasrec-bce", "SASRec", Printed(S3REC, "Beauty")),
        ("sasrec", "SASRec(CE loss, full ranking)", Printed(SASREC, "Beauty(5-core)")),
        ("gru4rec", "GRU4Rec", Printed(S3REC, "Beauty")),
    ],
    "p5-sports": [("sasrec-bce", "SASRec", Printed(S3REC, "Sports"))],
    "ml-1m": [("sasrec-paper", "SASRec", Printed(SASREC, "ML-1M"))],
    "games-2018": [
        ("gru4rec", "GRU4Rec", Printed(SLIM, "Games")),
        ("gru4rec-recbole", "GRU4Rec", Printed(SLIM, "Games")),
        ("sasrec", "SASRec", Printed(SLIM, "Games")),
        ("sasrec-paper", "SASRec", Printed(SLIM, "Games")),
        ("srgnn", "SRGNN", Printed(SLIM, "Games")),
        ("srgnn-recbole", "SRGNN", Printed(SLIM, "Games")),
    ],
    "llmrank": _llmrank(RANDOM_LISTS, "Games"),
    "llmrank-all-users": _llmrank(RANDOM_LISTS, "Games"),
    "llmrank-hard": _llmrank(HARD_LISTS, "Games"),
    "llmrank-ml-1m": _llmrank(RANDOM_LISTS, "ML-1M"),
    "llmrank-ml-1m-all-users": _llmrank(RANDOM_LISTS, "ML-1M"),
    "llmrank-ml-1m-hard": _llmrank(HARD_LISTS, "ML-1M"),
}
METRICS = {
    "p5-beauty": ["HR@10", "NDCG@10"],
    "p5-sports": ["HR@10", "NDCG@10"],
    "ml-1m": ["HR@10", "NDCG@10"],
    "games-2018": ["NDCG@10", "HR@10", "HR@20"],
    **{suite: ["NDCG@1", "NDCG@10", "NDCG@20"] for suite in COMPARED if suite.startswith("llmrank")},
}


def tables(suite: str) -> list[dict[str, Any]]:
    """What `bench table suites/SUITE.yaml --format json` printed: one table for each data set."""
    found: list[dict[str, Any]] = json.loads((BASELINES / f"{suite}.json").read_text(encoding="utf-8"))
    return found


def values(suite: str, method: str, metric: str) -> list[float]:
    """Of every seed on every data set of a suite."""
    return [
        value
        for table in tables(suite)
        for row in table["rows"]
        if row["method"] == method
        for column, cell in zip(table["columns"], row["cells"], strict=True)
        if column == metric
        for value in cell["values"].values()
    ]


def lines(suite: str) -> list[str]:
    """One line a method: ours, theirs and the difference, metric by metric."""
    metrics = METRICS[suite]
    head = [f"{metric} {what}" for metric in metrics for what in ("ours", "published", "difference")]
    found = [f"| ours | published | {' | '.join(head)} |", f"|:--|:--|{'--:|' * len(head)}"]
    for ours, theirs, printed in COMPARED[suite]:
        cells = []
        for metric in metrics:
            own = values(suite, ours, metric)
            mean, spread = statistics.fmean(own), f" ±{statistics.stdev(own):.4f}" if len(own) > 1 else ""
            published = printed.value(theirs, metric)
            cells += [f"{mean:.4f}{spread}", f"{published:.4f}", f"{mean - published:+.4f}"]
        found.append(f"| {ours} | {theirs} | {' | '.join(cells)} |")
    return found


if __name__ == "__main__":
    for suite in COMPARED:
        print("\n".join([f"**{suite}**", "", *lines(suite), ""]))
