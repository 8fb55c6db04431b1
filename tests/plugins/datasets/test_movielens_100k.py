"""MovieLens-100K from the recbole package."""

import importlib.util
import subprocess
import sys

import pytest

from llmrec_bench import BenchError
from llmrec_bench_plugins.datasets import movielens_100k
from llmrec_bench_plugins.datasets.movielens_100k import MovieLens100K

carried = pytest.mark.skipif(importlib.util.find_spec("recbole") is None, reason="recbole is not installed")


@carried
def test_counts_titles_and_times() -> None:
    log = MovieLens100K().read()
    assert log.events["user"].nunique() == 943
    assert log.events["item"].nunique() == len(log.items) == 1682
    assert len(log.events) == 100_000
    assert log.events.iloc[0].to_dict() == {"user": 196, "time": 881250949, "rating": 3.0, "item": 242}
    assert log.items.loc[1].to_dict() == {"title": "Toy Story (1995)", "category": "Animation Children's Comedy"}
    assert log.items.loc[6, "title"] == "Shanghai Triad (Yao a yao yao dao waipo qiao) (1995)"
    # Two rows whose year column holds something else.
    assert log.items.loc[267, "title"] == "unkonwn"
    assert log.items.loc[1412, "title"] == "Land Before Time III: The Time of the Great Giving (1995)"


@carried
def test_recbole_itself_is_not_imported() -> None:
    # In a process of its own: another test may have imported recbole here.
    program = (
        "import sys; from llmrec_bench_plugins.datasets import MovieLens100K; MovieLens100K().read(); "
        "print([name for name in ('recbole', 'torch') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_without_recbole_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(movielens_100k, "find_spec", lambda name: None)
    with pytest.raises(BenchError, match="pip install recbole"):
        MovieLens100K().read()
