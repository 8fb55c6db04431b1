"""The built-in plugins: a table of contents. They arrive by the same entry point as everyone else's."""

from llmrec_bench import DataSource, LanguageModel, Method, hookimpl
from llmrec_bench_plugins import (
    backbones,
    baselines,
    datasets,
    enhancer,
    llms,
    ranker,
    rdrec,
    recbole_zoo,
    run_files,
    slim,
)


@hookimpl
def register_methods() -> list[type[Method]]:
    """Classical baselines, sanity methods, sequential backbones with and without item texts, SLIM, language models that
    enhance, that rank and that write item ids, run files, and RecBole's models."""
    return [
        *baselines.METHODS,
        *backbones.METHODS,
        *slim.METHODS,
        *enhancer.METHODS,
        *ranker.METHODS,
        *rdrec.METHODS,
        *run_files.METHODS,
        *recbole_zoo.METHODS,
    ]


@hookimpl
def register_datasets() -> list[type[DataSource]]:
    """File formats, MovieLens-100K, and the synthetic shop."""
    return datasets.SOURCES


@hookimpl
def register_language_models() -> list[type[LanguageModel]]:
    """OpenAI-compatible servers, local weights, recorded answers, and a simulation."""
    return llms.LANGUAGE_MODELS
