"""SLIM: rationales of language models beside sequential backbones, and alone (Wang et al., WWW 2024)."""

from llmrec_bench import Method
from llmrec_bench_plugins.slim.fused import SLIMSRGNN, SLIMGRU4Rec, SLIMSASRec
from llmrec_bench_plugins.slim.text_matching import SLIMMatching

METHODS: list[type[Method]] = [SLIMGRU4Rec, SLIMSASRec, SLIMSRGNN, SLIMMatching]
"""With item ids, on three backbones, and without."""
