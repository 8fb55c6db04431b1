"""RecBole's models as methods, `recbole:NAME`, through one adapter, with item texts, `recbole+`, and with texts
about users besides, `slim-recbole`."""

from llmrec_bench import Method
from llmrec_bench_plugins.recbole_zoo import method, text_fused, user_text_fused

METHODS: list[type[Method]] = [*method.METHODS, *text_fused.METHODS, *user_text_fused.METHODS]
