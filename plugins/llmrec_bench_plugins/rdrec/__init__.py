"""Recommenders that write the ids of items with T5: POD (Li et al., CIKM 2023), and room for P5 and RDRec."""

from llmrec_bench import Method
from llmrec_bench_plugins.rdrec.pod import POD

METHODS: list[type[Method]] = [POD]
