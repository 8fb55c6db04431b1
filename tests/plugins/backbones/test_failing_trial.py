"""A training run that diverges, or lacks its device, costs its own trial and no other."""

import re
from pathlib import Path

import pytest
import torch

from llmrec_bench.cli import main

SUITE = """
datasets:
  shop: {source: synthetic-shop, options: {users: 60, items: 200}}
protocol: {cutoffs: [10]}
methods:
  popularity:
  gru4rec: {config: {learning_rate: 1.0e+38, width: 8, epochs: 4}}
metrics: [HR]
seeds: [1]
"""


def run(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    suite = folder / "small.yaml"
    suite.write_text(SUITE)
    with pytest.raises(SystemExit) as stop:
        main(["run", str(suite), "--results", str(folder / "results"), "--workers", "0", *options])
    out, errors = capsys.readouterr()
    assert "Traceback" not in out + errors
    return int(stop.value.code or 0), out + errors


def test_a_diverging_loss_fails_its_trial_with_the_step_named(tmp_path, capsys):
    status, said = run(tmp_path, capsys)
    assert status == 1
    assert "1 of 2 trials finished" in said
    assert re.search(r"gru4rec: the loss became (nan|inf) in epoch \d, step \d+; try a smaller", said)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_an_absent_device_fails_the_trials_that_train(tmp_path, capsys):
    status, said = run(tmp_path, capsys, "--device", "cuda")
    assert status == 1
    assert "1 of 2 trials finished" in said
    assert "gru4rec: device 'cuda' asked for, but torch finds no CUDA; use 'cpu'" in said
