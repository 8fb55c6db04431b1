"""RecBole's models as methods, `recbole:NAME`, through one adapter."""

from llmrec_bench_plugins.recbole_zoo.method import METHODS

__all__ = ["METHODS"]
