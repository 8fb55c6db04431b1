"""Recommenders that write the ids of items with T5: P5 (Geng et al., RecSys 2022), POD (Li et al., CIKM 2023) and RDRec
(Wang et al., ACL 2024)."""

from llmrec_bench import Method
from llmrec_bench_plugins.rdrec.p5 import P5
from llmrec_bench_plugins.rdrec.pod import POD
from llmrec_bench_plugins.rdrec.rdrec import RDRec

METHODS: list[type[Method]] = [P5, POD, RDRec]
