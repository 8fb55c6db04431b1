"""Classical baselines and sanity methods."""

from llmrec_bench import Method
from llmrec_bench_plugins.baselines.bm25 import BM25
from llmrec_bench_plugins.baselines.ease import EASE
from llmrec_bench_plugins.baselines.item_knn import ItemKNN
from llmrec_bench_plugins.baselines.markov import Markov
from llmrec_bench_plugins.baselines.popularity import Popularity
from llmrec_bench_plugins.baselines.random import Random
from llmrec_bench_plugins.baselines.sanity import CandidateOrderEcho, Constant, ItemIdRule
from llmrec_bench_plugins.baselines.typical_review import TypicalReview

METHODS: list[type[Method]] = [
    Random,
    Popularity,
    ItemKNN,
    Markov,
    EASE,
    BM25,
    TypicalReview,
    Constant,
    CandidateOrderEcho,
    ItemIdRule,
]
