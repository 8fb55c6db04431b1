"""The built-in plugins: a table of contents. They arrive by the same entry point as everyone else's."""

from llmrec_bench import DataSource, Method, hookimpl
from llmrec_bench_plugins import backbones, baselines, datasets


@hookimpl
def register_methods() -> list[type[Method]]:
    """Classical baselines, sanity methods and sequential backbones."""
    return [*baselines.METHODS, *backbones.METHODS]


@hookimpl
def register_datasets() -> list[type[DataSource]]:
    """File formats, MovieLens-100K, and the synthetic shop."""
    return datasets.SOURCES
