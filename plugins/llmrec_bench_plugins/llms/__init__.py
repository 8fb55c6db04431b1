"""Providers of language models."""

from llmrec_bench import LanguageModel
from llmrec_bench_plugins.llms.local_transformers import LocalTransformers
from llmrec_bench_plugins.llms.openai_compatible import OpenAICompatible
from llmrec_bench_plugins.llms.recorded import Recorded
from llmrec_bench_plugins.llms.simulated import Simulated

LANGUAGE_MODELS: list[type[LanguageModel]] = [OpenAICompatible, LocalTransformers, Recorded, Simulated]
"""Billed, local, recorded and made up."""
