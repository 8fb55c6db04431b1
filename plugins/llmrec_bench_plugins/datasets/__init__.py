"""The built-in data sources, one file each; what several of them need has a file of its own."""

from llmrec_bench import DataSource
from llmrec_bench_plugins.datasets.amazon_reviews import AmazonReviews
from llmrec_bench_plugins.datasets.interaction_table import InteractionTable
from llmrec_bench_plugins.datasets.movielens_100k import MovieLens100K
from llmrec_bench_plugins.datasets.p5 import P5
from llmrec_bench_plugins.datasets.recbole_atomic import RecboleAtomic
from llmrec_bench_plugins.datasets.sasrec_text import SASRecText
from llmrec_bench_plugins.datasets.sequence_table import SequenceTable
from llmrec_bench_plugins.datasets.synthetic_shop import SyntheticShop

SOURCES: list[type[DataSource]] = [
    AmazonReviews,
    InteractionTable,
    MovieLens100K,
    P5,
    RecboleAtomic,
    SASRecText,
    SequenceTable,
    SyntheticShop,
]
