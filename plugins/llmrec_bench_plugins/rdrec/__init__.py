"""Recommenders that write the ids of items with T5: P5 (Geng et al., RecSys 2022), POD (Li et al., CIKM 2023), and
room for RDRec."""

from llmrec_bench import Method
from llmrec_bench_plugins.rdrec.p5 import P5
from llmrec_bench_plugins.rdrec.pod import POD

METHODS: list[type[Method]] = [P5, POD]
