"""No text about a user is made from what it is to help find."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from llmrec_bench import BenchError, TrainingData
from llmrec_bench_plugins.stages.user_histories import Cutoff, UserHistory


def check_served(
    stage: str, train: TrainingData, cutoff: Cutoff, histories: Iterable[UserHistory], log: Callable[[str], None]
) -> None:
    """Log how many targets of training and validation are among the items shown. Raises `BenchError` where a text is
    shown anything but what came before a target that it serves; `single_train` shows those of training on purpose.

    A target that the user had before is shown as that earlier one: items shown are found again, in order, before the
    target. Test targets are not in `train`; the harness looks for them.
    """
    held_out = {int(user): train.validation_targets[row] for row, user in enumerate(train.validation.users)}
    served, shown, leaks = Counter[str](), Counter[str](), list[tuple[int, str]]()
    for history in histories:
        row = train.sequences[history.user].tolist()
        moments = {
            "train": (row[-1:], row if cutoff == "single_train" else row[:-1]),
            "validation": (held_out.get(history.user, train.validation_targets.items[:0]).tolist(), row),
        }
        for moment in history.serves:
            targets, before = moments.get(moment, ([], []))
            if targets:
                served[moment] += 1
                shown[moment] += not set(targets).isdisjoint(history.items)
                if not _in_order(history.items, before):
                    leaks.append((history.user, moment))
    if leaks:
        raise BenchError(
            f"stage '{stage}': {len(leaks):,} of {served.total():,} targets did not come after all that was "
            f"shown; the first is the {leaks[0][1]} target of user number {leaks[0][0]}"
        )
    training = "those of training by the cut-off, others" if cutoff == "single_train" else "all"
    log(
        f"targets among the items shown: {shown['train']:,} of {served['train']:,} in training, "
        f"{shown['validation']:,} of {served['validation']:,} in validation"
        + (f"; {training} as items that the user had before" if shown.total() else "")
    )


def _in_order(shown: Sequence[int], row: Iterable[int]) -> bool:
    """Whether what was shown stands in the row, in this order, with or without others between."""
    rest = iter(row)
    return all(item in rest for item in shown)  # `in` goes on behind the item found
