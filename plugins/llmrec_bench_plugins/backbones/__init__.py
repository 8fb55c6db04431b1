"""Trained sequential backbones."""

from llmrec_bench import Method
from llmrec_bench_plugins.backbones.gru4rec import GRU4Rec
from llmrec_bench_plugins.backbones.sasrec import SASRec, SASRecBCE
from llmrec_bench_plugins.backbones.srgnn import SRGNN

METHODS: list[type[Method]] = [GRU4Rec, SASRec, SASRecBCE, SRGNN]
