"""Recommendations that were made elsewhere, read from a file."""

from llmrec_bench import Method
from llmrec_bench_plugins.run_files.method import RunFile

METHODS: list[type[Method]] = [RunFile]
