"""Training speed of SASRec, GRU4Rec and SR-GNN beside RecBole's own and beside plain torch modules.

    python benchmarks/backbone_speed.py --recbole PYTHON [--converged MODEL [--seed 1]] [--profile [--width 64]]
    python benchmarks/backbone_speed.py --converged MODEL --reach VALUE [--settings NAME] [--repeats 5]

Every measurement is a process of its own with one thread; peers and ours take turns. Without an interpreter that has
recbole its rows are printed as not measured. Ratios are of CPU seconds, medians; wall seconds stand beside them.
Exit status 1 where a target is missed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

TRAINERS = Path(__file__).parent / "backbone_trainers"
sys.path.insert(0, str(TRAINERS))
from movielens import MovieLens, load  # noqa: E402

from llmrec_bench import load_catalog  # noqa: E402

MODELS = {"sasrec": 40.0, "gru4rec": 20.0, "srgnn": 5.0}
CONVERGED_TARGET, STEP_TARGET, KERNELS_TARGET, DATA_LIMIT = 10.0, 2.0, 0.8, 0.1
WIDTH, HIDDEN, LENGTH, BATCH, DROPOUT = 64, 128, 50, 2048, 0.35
OURS = {"width": WIDTH, "history_length": LENGTH, "batch_size": BATCH, "dropout": DROPOUT, "loss": "ce"}
OUR_OPTIONS: dict[str, dict[str, Any]] = {
    "sasrec": {**OURS, "blocks": 2, "heads": 2},
    "gru4rec": {**OURS, "hidden": HIDDEN, "layers": 1},
    "srgnn": OURS,
}
THEIRS = {"MAX_ITEM_LIST_LENGTH": LENGTH, "train_batch_size": BATCH, "loss_type": "CE"}
THEIR_OPTIONS: dict[str, dict[str, Any]] = {
    "sasrec": {
        **THEIRS,
        **{"hidden_size": WIDTH, "inner_size": WIDTH, "n_layers": 2, "n_heads": 2, "hidden_act": "relu"},
        **{"hidden_dropout_prob": DROPOUT, "attn_dropout_prob": DROPOUT},
    },
    "gru4rec": {**THEIRS, "embedding_size": WIDTH, "hidden_size": HIDDEN, "num_layers": 1, "dropout_prob": DROPOUT},
    "srgnn": {**THEIRS, "embedding_size": WIDTH, "step": 1},
}


def run_trainer(script: str, interpreter: str, request: dict[str, Any]) -> Any:
    """What the trainer's process printed last; ends the program where it fails."""
    command = [interpreter, str(TRAINERS / script), json.dumps({"threads": 1, "seed": 1, **request})]
    alone = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=alone, check=False)
    if done.returncode:
        raise SystemExit(f"{script} failed, see above")
    return json.loads(done.stdout.splitlines()[-1])


def median(values: list[float]) -> float:
    """As a float that formats."""
    return float(statistics.median(values))


def verdict(value: float, target: float) -> str:
    """A ratio, its target and whether it holds."""
    return f"{value:>7.1f}   target {target:g}: {'holds' if value >= target else 'MISSED'}"


def compare_passes(recbole: str | None, folder: Path, repeats: int) -> bool:
    """One pass over the training positions; whether every ratio measured holds."""
    print(f"\nOne pass over MovieLens-100K, width {WIDTH}, {LENGTH} items of history, {BATCH} positions a batch")
    print(f"{'model':<10}{'ours CPU s':>11}{'wall s':>8}{'RecBole CPU s':>15}{'wall s':>8}{'ratio':>9}")
    held = True
    for model, target in MODELS.items():
        ours, theirs = [], []
        for _ in range(repeats):
            if recbole is not None:
                request = {"task": "pass", "model": model, "passes": 1, "folder": str(folder)}
                theirs.append(run_trainer("with_recbole.py", recbole, {**request, "options": THEIR_OPTIONS[model]}))
            request = {"task": "pass", "model": model, "passes": 3, "options": OUR_OPTIONS[model]}
            ours.append(run_trainer("with_llmrec_bench.py", sys.executable, request))
        own = {clock: median([second for run in ours for second in run[clock]]) for clock in ("cpu", "wall")}
        row = f"{model:<10}{own['cpu']:>11.2f}{own['wall']:>8.2f}"
        if not theirs:
            print(f"{row}   not measured: no interpreter with recbole given")
            continue
        if theirs[0]["positions"] != ours[0]["positions"]:
            raise SystemExit(f"{model}: {theirs[0]['positions']} positions there, {ours[0]['positions']} here")
        peer = {clock: median([run[clock][0] for run in theirs]) for clock in ("cpu", "wall")}
        ratio = peer["cpu"] / own["cpu"]
        print(f"{row}{peer['cpu']:>15.1f}{peer['wall']:>8.1f}{verdict(ratio, target):>9}", flush=True)
        held &= ratio >= target
    return held


def defaults_for_recbole(model: str) -> dict[str, Any]:
    """Our defaults by RecBole's names; what it has no option for is left out."""
    ours = load_catalog().methods[model].Config().model_dump()
    shared = {
        "MAX_ITEM_LIST_LENGTH": ours["history_length"],
        "train_batch_size": ours["batch_size"],
        "learning_rate": ours["learning_rate"],
    }
    dropout = ours["dropout"]
    own = {
        "sasrec": {"hidden_dropout_prob": dropout, "attn_dropout_prob": dropout, "hidden_size": ours["width"]},
        "gru4rec": {"dropout_prob": dropout, "embedding_size": ours["width"]},
        "srgnn": {"embedding_size": ours["width"]},
    }
    return {**THEIR_OPTIONS[model], **shared, **own[model]}


def compare_convergence(model: str, recbole: str, data: MovieLens, folder: Path, minutes: float, seed: int) -> bool:
    """Time to RecBole's best validation NDCG@10, both with our default options; whether the ratio holds."""
    print(
        f"\nTime to RecBole's NDCG@10, {model}, seed {seed}, both with our default options, early stopping on "
        "validation NDCG@10"
    )
    file = folder / "scores.npz"
    request: dict[str, Any] = {"task": "converge", "model": model, "seed": seed}
    stored = {"folder": str(folder), "scores": str(file), "minutes": minutes}
    peer = run_trainer("with_recbole.py", recbole, {**request, **stored, "options": defaults_for_recbole(model)})
    with np.load(file) as scores:
        reached = {part: data.ndcg(lambda q, part=part: scores[part][q.users], part) for part in ("validation", "test")}
    best = peer["best"]
    seconds = f"{peer['cpu'][best]:.1f} CPU s, {peer['wall'][best]:.1f} wall s"
    ndcg = f"NDCG@10 {reached['validation']:.4f} validation, {reached['test']:.4f} test"
    print(f"RecBole  best epoch {best + 1} of {len(peer['cpu'])}: {seconds}; {ndcg}, by our evaluator")
    if not peer["converged"]:
        print(f"         stopped after {minutes:g} minutes without having converged")
    ours = run_trainer("with_llmrec_bench.py", sys.executable, {**request, "options": {}})
    print(
        f"ours     best epoch {ours['best'] + 1} of {len(ours['cpu'])}: {ours['cpu'][ours['best']]:.1f} CPU s; "
        f"NDCG@10 {ours['validation']:.4f} validation, {ours['test']:.4f} test; whole fit {ours['cpu'][-1]:.1f} CPU s"
    )
    reaching = np.flatnonzero(np.array(ours["values"]) >= reached["validation"])
    if not len(reaching):
        print(f"ours never reached RecBole's {reached['validation']:.4f}: target {CONVERGED_TARGET:g} MISSED")
        return False
    first = reaching[0]
    ratio = peer["cpu"][best] / ours["cpu"][first]
    judged = verdict(ratio, CONVERGED_TARGET).strip()
    if not peer["converged"]:
        judged = f"{ratio:.1f}   target {CONVERGED_TARGET:g} of the converged value: not measured"
    print(
        f"ours reached RecBole's validation NDCG@10 in epoch {first + 1}: {ours['cpu'][first]:.1f} CPU s, "
        f"{ours['wall'][first]:.1f} wall s; ratio {judged}"
    )
    return bool(ratio >= CONVERGED_TARGET)


def reach(model: str, settings: str | None, value: float, seeds: int) -> bool:
    """How many seeds of ours come to a validation NDCG@10 known from before, and in what time; whether most do."""
    named = {} if settings is None else load_catalog().methods[model].settings[settings]
    print(f"\nValidation NDCG@10 of {value:g}, {model} with {settings or 'default'} options, early stopping")
    spent, times, tests = 0.0, [], []
    for seed in range(1, seeds + 1):
        request = {"task": "converge", "model": model, "options": named, "seed": seed}
        ours = run_trainer("with_llmrec_bench.py", sys.executable, request)
        found = np.flatnonzero(np.array(ours["values"]) >= value)
        whole = ours["cpu"][-1]
        reached = f"reached in {ours['cpu'][found[0]]:.1f} CPU s" if len(found) else "not reached"
        times += [ours["cpu"][found[0]]] if len(found) else []
        spent += ours["cpu"][found[0]] if len(found) else whole
        tests.append(ours["test"])
        ndcg = f"best {ours['validation']:.4f} in epoch {ours['best'] + 1}, test {ours['test']:.4f}"
        print(f"seed {seed}: {ndcg}; {reached}, whole fit {whole:.1f}", flush=True)
    print(f"{len(times)} of {seeds} seeds reach it; median test {median(tests):.4f}", end="")
    # One seed after another until one reaches it: those that do not cost their whole fit.
    print(f"; median {median(times):.1f}, expected {spent / len(times):.1f} CPU s" if times else "")
    return 2 * len(times) > seeds


def compare_steps(users: int, repeats: int) -> bool:
    """A step of 128 users by 200 positions against plain modules; whether every ratio measured holds."""
    print(
        "\nSASRec, a training step of 128 users, up to 200 positions, width 50, 2 blocks, 1 head, binary cross-entropy"
    )
    print(f"{'data':<16}{'users':>6}{'positions':>11}{'ours CPU s':>12}{'plain torch CPU s':>19}{'ratio':>9}")
    shapes = run_trainer("training_step.py", sys.executable, {"users": users, "repeats": repeats})
    held = True
    for name, found in shapes.items():
        if found is None:
            print(f"{name:<16}not measured: its file is not under LLMREC_BENCH_DATA")
            continue
        own, peer = (median([cpu for cpu, _ in found[which]]) for which in ("ours", "plain"))
        counts = f"{found['users']:>6}{found['positions']:>11}"
        print(f"{name:<16}{counts}{own:>12.3f}{peer:>19.3f}{verdict(peer / own, STEP_TARGET):>9}")
        held &= peer / own >= STEP_TARGET
    return held


def profile_passes(width: int) -> bool:
    """Where a pass of each of our models goes; whether the shares hold."""
    print(f"\nShares of one pass's wall time, by torch's profiler, width {width}")
    held = True
    for model in MODELS:
        sizes = {"width": width, **({"hidden": 2 * width} if model == "gru4rec" else {})}
        options = {**OUR_OPTIONS[model], **sizes}
        found = run_trainer("profile_pass.py", sys.executable, {"model": model, "options": options})
        shares = ", ".join(f"{part} {share:.1%}" for part, share in found["shares"].items() if share >= 0.0005)
        print(f"{model}: {shares}")
        print(
            f"    largest elsewhere: {', '.join(f'{name} {share:.1%}' for name, share in found['elsewhere'].items())}"
        )
        kernels, handling = found["kernels"], found["shares"]["data handling"]
        print(
            f"    products, attention, GRU and optimizer {kernels:.1%}   target {KERNELS_TARGET:.0%}: "
            f"{'holds' if kernels >= KERNELS_TARGET else 'MISSED'}; data handling {handling:.1%}   "
            f"limit {DATA_LIMIT:.0%}: {'holds' if handling < DATA_LIMIT else 'MISSED'}",
            flush=True,
        )
        held &= kernels >= KERNELS_TARGET and handling < DATA_LIMIT
    return held


def main() -> int:
    """Measure and print; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--recbole", metavar="PYTHON", help="interpreter of an environment that has recbole 1.2.1")
    parser.add_argument("--repeats", type=int, default=3, help="processes of each, in turn; the median is printed")
    parser.add_argument("--users", type=int, default=1024, help="users of the training step's data")
    parser.add_argument("--converged", choices=MODELS, help="only this: time to RecBole's converged NDCG@10")
    parser.add_argument(
        "--reach", type=float, metavar="VALUE", help="with --converged: ours alone, to this validation NDCG@10"
    )
    parser.add_argument("--settings", help="with --reach: named settings of the model")
    parser.add_argument("--minutes", type=float, default=120, help="stop RecBole's convergence after so many")
    parser.add_argument("--seed", type=int, default=1, help="of both, with --converged")
    parser.add_argument("--profile", action="store_true", help="only this: where a pass of ours goes")
    parser.add_argument("--width", type=int, default=WIDTH, help="of the profiled models")
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, 1 thread, Python {sys.version.split()[0]}, numpy {np.__version__}")
    if given.profile:
        return int(not profile_passes(given.width))
    if given.converged and given.reach is not None:
        return int(not reach(given.converged, given.settings, given.reach, given.repeats))
    with tempfile.TemporaryDirectory() as name:
        data, folder = load(), Path(name)
        data.write_atomic(folder / "movielens")
        if given.converged:
            if given.recbole is None:
                raise SystemExit("--converged needs --recbole PYTHON: it measures against RecBole")
            return int(not compare_convergence(given.converged, given.recbole, data, folder, given.minutes, given.seed))
        held = compare_passes(given.recbole, folder, given.repeats)
        return int(not compare_steps(given.users, given.repeats) or not held)


if __name__ == "__main__":
    sys.exit(main())
