"""Language models that rank candidates themselves, after LLMRank (Hou et al., ECIR 2024)."""

from llmrec_bench import Method
from llmrec_bench_plugins.ranker.llm_ranker import LLMRanker

METHODS: list[type[Method]] = [LLMRanker]
