"""What training needs before it starts, told in one line where it is not there."""

from llmrec_bench import BenchError, TrainingData


def need_device(method: str, device: str) -> None:
    """Raises `BenchError` for CUDA where torch finds none."""
    import torch

    if device != "cpu" and not torch.cuda.is_available():
        raise BenchError(f"{method}: device '{device}' asked for, but torch finds no CUDA; use 'cpu'")


def need_validation(method: str, train: TrainingData, patience: int | None, epochs: int) -> None:
    """Raises `BenchError` for early stopping without validation queries."""
    if patience is not None and len(train.validation) == 0:
        raise BenchError(
            f"{method}: early stopping needs validation queries and there are none; "
            f"set `patience: null` to train for all {epochs} epochs"
        )
