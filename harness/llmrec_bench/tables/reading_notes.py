"""What a reader of numbers must know: data, protocol, seeds, settings, language models, and what failed."""

from collections.abc import Iterator, Mapping, Sequence

from llmrec_bench.llm.meter import Spending
from llmrec_bench.plan import Plan, Trial
from llmrec_bench.store import Record


def reading_notes(
    plan: Plan,
    dataset: str,
    columns: set[str],
    trials: list[Trial],
    finished: list[Record],
    records: Mapping[str, Record],
    seeds: tuple[int, ...],
    spread: bool = True,
) -> Iterator[str]:
    """What a reader must know of these trials and their records: data, protocol, seeds, settings, language models, and
    what failed or is missing of the metrics `columns`. Without `spread`, what ± means is left out."""
    protocol, data = plan.suite.protocol_on(dataset), plan.prepared[dataset].dataset
    source = trials[0].dataset.source
    if data.simulated:
        yield f"SIMULATED: the interactions of '{source.name}' are made by a program, not observed."
    parts = plan.prepared[dataset].split
    untrained = int((parts.train.item_counts(data.n_items) == 0).sum())
    queries = next((r.dataset.queries for r in finished), None)  # a candidate file may ask for fewer than the split
    yield (
        f"Data {data.fingerprint}: {source.name}, {data.n_users:,} users, {data.n_items:,} items, "
        f"{len(data.sequences.items):,} interactions"
        + ("" if queries is None else f"; {queries:,} queries")
        + (f"; {untrained:,} items have no training interaction." if untrained else ".")
    )
    reviews = plan.prepared[dataset].reviews
    if data.review_seed is not None and reviews is not None:
        yield (
            "LEAK: reviews of held-out interactions are among the training reviews (as released, seed "
            f"{data.review_seed}): those of {reviews.tested_in_train:.1%} of the test interactions."
        )
    yield f"Protocol {protocol.hash}: {protocol.describe()}."
    if not spread:
        pass
    elif len(seeds) > 1:
        named = ", ".join(map(str, seeds)) if len(seeds) <= 10 else f"{seeds[0]} to {seeds[-1]} ({len(seeds)} in all)"
        yield (
            f"Mean ± standard deviation over seeds {named}: the spread of repeated runs, not a test between methods."
        )
    else:
        yield f"One seed ({seeds[0]}): no spread is known."
    if any("@" not in column for column in columns):
        yield _of_explanations(plan, dataset, trials, finished)
    if all(t.method.settings == "default" for t in trials):
        yield "Settings: every method with its defaults."
    yield from _tuning_notes(trials, records)
    yield from _language_model_notes(finished)
    yield from _remarks(trials, finished)
    for trial in trials:
        record = records.get(trial.id)
        if record is None or record.failure is None:
            continue
        if record.status == "failed" or not columns <= record.metrics.keys():
            reason = record.failure.message.strip().splitlines()
            yield (
                f"Failed: {trial.method.label} seed {trial.seed}, {record.failure.kind}: "
                f"{reason[0] if reason else 'no message'} (trial {trial.id})"
            )
    missing = sum(1 for t in trials if t.id not in records)
    if missing:
        yield f"Not run yet: {missing} of {len(trials)} trials."
    unmeasured = sum(1 for r in finished if not columns <= r.metrics.keys())
    if unmeasured:
        yield f"Not measured yet: metrics of {unmeasured} of {len(trials)} trials; bench run adds them without a fit."


def _of_explanations(plan: Plan, dataset: str, trials: list[Trial], finished: list[Record]) -> str:
    """How many texts are behind the metrics of texts, and who wrote none."""
    rule, reviews = plan.suite.protocol_on(dataset).explanations, plan.prepared[dataset].reviews
    asked = None if rule is None or reviews is None else rule.asked(reviews.test)
    if asked is None or not len(asked):
        return "No explanations: the data set holds out no review."
    label = {t.id: t.method.label for t in trials}
    silent = ", ".join(dict.fromkeys(label[r.id] for r in finished if r.explanations is None))
    return (
        f"Explanations of {len(asked):,} reviews, {int((asked['feature'] != '').sum()):,} of them about a known feature"
        + (f"; none written by {silent}." if silent else ".")
    )


def _tuning_notes(trials: list[Trial], records: Mapping[str, Record]) -> Iterator[str]:
    """For each tuned method: what its search cost, what it chose, and what that gained on the validation queries."""
    told = set()
    for trial in trials:
        record = records.get(trial.id)
        tuning = None if record is None else record.tuning
        if trial.search is None or tuning is None or tuning.search in told:
            continue
        told.add(tuning.search)
        failed = f" ({tuning.failed_fits} failed)" if tuning.failed_fits else ""
        chosen = ", ".join(f"{option}={_plain(value)}" for option, value in tuning.options.items())
        untuned = "n/a" if tuning.untuned_value is None else f"{tuning.untuned_value:.4f}"
        yield (
            f"Tuned: {trial.method.label}, {tuning.fits} fits{failed}, {tuning.fit_seconds:,.0f} s in all; validation "
            f"{tuning.metric} {tuning.value:.4f} with {chosen or 'the untuned options'}, {untuned} untuned."
        )


def _language_model_notes(finished: Sequence[Record]) -> Iterator[str]:
    """For each language model: which methods rest on its answers, how many of these were replayed, what to bear in
    mind."""
    spent: dict[tuple[str, str], list[tuple[str, Spending]]] = {}
    for record in finished:
        for spending in record.all_spending():
            spent.setdefault((spending.provider, spending.model), []).append((record.method.label, spending))
    for (provider, model), uses in sorted(spent.items()):
        labels = ", ".join(dict.fromkeys(label for label, _ in uses))
        last = uses[-1][1]
        if last.simulated:
            yield f"SIMULATED: the language model behind {labels} is a program ({provider} {model}), not a model."
        else:
            recorded = sum(s.recorded_calls for _, s in uses)
            share = f"{recorded / max(1, sum(s.calls for _, s in uses)):.0%} of its answers from a cassette"
            yield f"Language model behind {labels}: {provider} {model}, {share}."
        failed = sum(s.failed_calls for _, s in uses)
        if failed:
            yield f"{provider} {model}: {failed:,} requests came to no answer."
        if last.caution:
            yield f"{provider} {model}: {last.caution}."


def _remarks(trials: Sequence[Trial], finished: Sequence[Record]) -> Iterator[str]:
    """What these methods, and the stages behind them, have to say of themselves, each once, and how far numbers could
    move where an order was left open."""
    label = {t.id: t.method.label for t in trials}  # which a record keeps as it was when the trial ran
    said = []
    for record in finished:
        named = label[record.id] + (" (simulated)" if record.simulated_models else "")
        open_to = ", ".join(f"{name} {low:.4f} to {high:.4f}" for name, (low, high) in record.bounds.items())
        bounds = [f"ties of seed {record.seed} leave open {open_to}"] if open_to else []
        said += [f"{named}: {remark}." for remark in (*record.remarks, *bounds)]
    yield from dict.fromkeys(said)
    behind: dict[tuple[str, str], list[str]] = {}
    for record in finished:
        for stage in record.stages:
            for remark in stage.remarks:
                simulated = " (simulated)" if any(s.simulated for s in stage.spending) else ""
                behind.setdefault((stage.key, f"{stage.stage}{simulated}: {remark}"), []).append(label[record.id])
    for (_, remark), labels in behind.items():
        yield f"Behind {', '.join(dict.fromkeys(labels))}: {remark}."


def _plain(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
