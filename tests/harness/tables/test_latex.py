"""The LaTeX of tables, through a real compiler."""

import shutil
import subprocess

import pytest

from llmrec_bench.table_text import render_tables

PAGE = r"""\documentclass{article}
\usepackage{booktabs}
\begin{document}
%s
\end{document}
"""


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_it_compiles(study, tmp_path):
    study = study(change={"idle:": "'50% & _x^2_ {~} \\\\cmd #$ | <b> [i] ≈':"})
    for method, values in (("plain", (0.0, 0.5, 0.0, 0.5)), ("reader", (0.5, 1.0, 0.0, 1.0))):
        for seed in (1, 2):
            study.keep(method, seed, values=values, simulated=True)
    tables = [*study.tables(baseline="plain"), *study.tables(baseline="plain", slice="popularity")]
    (tmp_path / "page.tex").write_text(PAGE % render_tables(tables, "latex"), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Output written on page.pdf (" in done.stdout
