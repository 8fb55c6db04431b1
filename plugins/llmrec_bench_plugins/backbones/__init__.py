"""Trained sequential backbones."""

from llmrec_bench import Method
from llmrec_bench_plugins.backbones.gru4rec import GRU4Rec
from llmrec_bench_plugins.backbones.sasrec import SASRec, SASRecBCE
from llmrec_bench_plugins.backbones.srgnn import SRGNN
from llmrec_bench_plugins.backbones.text_fused import GRU4RecPlus, SASRecPlus, SRGNNPlus

METHODS: list[type[Method]] = [GRU4Rec, SASRec, SASRecBCE, SRGNN, GRU4RecPlus, SASRecPlus, SRGNNPlus]
