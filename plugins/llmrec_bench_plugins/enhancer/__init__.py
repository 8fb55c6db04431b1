"""LLM as enhancer: knowledge of users and items beside sequential backbones, after KAR (Xi et al., RecSys 2024)."""

from llmrec_bench import Method
from llmrec_bench_plugins.enhancer.knowledge import EnhancedGRU4Rec, EnhancedSASRec, EnhancedSRGNN

METHODS: list[type[Method]] = [EnhancedGRU4Rec, EnhancedSASRec, EnhancedSRGNN]
"""On three backbones."""
