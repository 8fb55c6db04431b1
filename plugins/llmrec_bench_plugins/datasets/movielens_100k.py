"""MovieLens-100K, as the recbole package carries it."""

from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from llmrec_bench import BenchError, DataSource, Log
from llmrec_bench_plugins.datasets.recbole_atomic import RecboleAtomic


class MovieLens100K(DataSource):
    """100,000 ratings of 1,682 films by 943 users, September 1997 to April 1998, read from the installed recbole
    package (which is not imported). Titles are `title (year)`; the category is the list of genres."""

    name: ClassVar[str] = "movielens-100k"
    reference: ClassVar[str] = (
        "Harper & Konstan, The MovieLens Datasets, ACM TiiS 5(4), 2015; the copy in recbole's dataset_example/ml-100k. "
        "Research use; GroupLens forbids redistribution without permission."
    )

    def read(self) -> Log:
        folder = _recbole_folder() / "dataset_example" / "ml-100k"
        return RecboleAtomic(path=folder / "ml-100k.inter", items=folder / "ml-100k.item").read()


def _recbole_folder() -> Path:
    found = find_spec("recbole")
    if found is None or not found.submodule_search_locations:
        raise BenchError(
            "data source 'movielens-100k': its files come with the recbole package, which is not installed; "
            "`pip install recbole==1.2.1` (Python 3.11)"
        )
    return Path(found.submodule_search_locations[0])
