"""RecBole's models as methods, `recbole:NAME`, through one adapter, and with item texts, `recbole+`."""

from llmrec_bench import Method
from llmrec_bench_plugins.recbole_zoo import method, text_fused

METHODS: list[type[Method]] = [*method.METHODS, *text_fused.METHODS]
