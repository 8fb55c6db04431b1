"""What a plan will ask of language models and what that costs, before anything is asked."""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from llmrec_bench.artifacts import Artifacts
from llmrec_bench.data.training import TrainingData
from llmrec_bench.execute.trial_data import Loader
from llmrec_bench.llm.cassette import Entry, request_key
from llmrec_bench.llm.language_model import LanguageModel, Usage
from llmrec_bench.llm.meter import Charged
from llmrec_bench.llm.metered import Asking
from llmrec_bench.llm.prices import Price
from llmrec_bench.llm.prompt import Prompt
from llmrec_bench.plan import Plan, PreparedData, Trial
from llmrec_bench.store import Store

_CHARACTERS_PER_TOKEN = (3.0, 4.0, 5.5)
"""English text by the tokenizers in use: few, usual, many. Taken until answers are recorded that tell better."""


@dataclass(frozen=True)
class Span:
    """A number that is not known exactly."""

    low: float
    likely: float | None
    """None where nothing tells."""
    high: float | None
    """None where nothing bounds it."""

    def __add__(self, other: "Span") -> "Span":
        return Span(self.low + other.low, _plus(self.likely, other.likely), _plus(self.high, other.high))

    def times(self, factor: float) -> "Span":
        """Each of the three, multiplied."""
        return Span(
            self.low * factor,
            None if self.likely is None else self.likely * factor,
            None if self.high is None else self.high * factor,
        )


def _plus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a + b


@dataclass(frozen=True)
class Estimate:
    """What one stage, or one method's requests on one data set, come to."""

    what: str
    charged: Charged
    provider: str
    """Empty, as the model, where no language model is asked."""
    model: str
    built: bool
    """The artifact is there, or the trials that need it are finished: nothing will be asked."""
    calls: int
    recorded_calls: int
    prompt_tokens: Span
    """Of all calls."""
    completion_tokens: Span
    call_seconds: float | None
    """Of the calls that are not recorded, at the speed of recorded ones; None where none tells. Of a built stage, what
    it took."""
    billed_usd: Span | None
    """For the calls that are not recorded; None without a price."""
    notional_usd: Span | None
    """For all calls."""
    price: str
    fault: str = ""
    """Why it cannot be had as things are: no key, no weights, answers that a replay lacks."""


def estimate(plan: Plan, store: Store, asking: Asking, finished: Iterable[str] = ()) -> list[Estimate]:
    """Every stage of the plan, and every method that asks a language model for its rankings; nothing is asked.

    `finished` are the ids of trials that will not run.
    """
    done = set(finished)
    return [*_stages(plan, store, asking, done), *_methods(plan, store, asking, done)]


def _stages(plan: Plan, store: Store, asking: Asking, finished: set[str]) -> Iterator[Estimate]:
    needed = {planned.key for trial in plan.trials if trial.id not in finished for planned in plan.stages_for(trial)}
    artifacts = Artifacts(store.root / "artifacts")
    training: dict[str, TrainingData] = {}
    for planned in plan.stages:
        manifest = artifacts.manifest(planned.stage, planned.key)
        options = planned.stage.language_model()
        if options is None:
            seconds = None if manifest is None else manifest.build_seconds
            yield _nothing_asked(planned.label, manifest is not None, seconds)
            continue
        if planned.dataset not in training:
            training[planned.dataset] = _training(plan.prepared[planned.dataset])
        train = training[planned.dataset]
        prompts = planned.stage.prompts(train)
        model = asking.kinds[options.provider](options, train.items)
        done = manifest is not None or planned.key not in needed
        found = _of(planned.label, "one-off", model, prompts, asking, done)
        yield found if manifest is None else replace(found, call_seconds=manifest.build_seconds)


def _methods(plan: Plan, store: Store, asking: Asking, finished: set[str]) -> Iterator[Estimate]:
    loader = Loader()
    groups: dict[tuple[str, str], list[Trial]] = {}
    for trial in plan.trials:
        groups.setdefault((trial.dataset.label, trial.method.label), []).append(trial)
    for (dataset, label), trials in groups.items():
        method = trials[0].method.method(trials[0].method.config)  # type: ignore[arg-type]
        options = method.language_model()
        if options is None:
            continue
        prompts: list[Prompt] = []
        for trial in trials:
            data = loader.load(trial, store)
            prompts += method.prompts(data.test)
        model = asking.kinds[options.provider](options, plan.prepared[dataset].dataset.items)
        done = all(trial.id in finished for trial in trials)
        seeds = "1 seed" if len(trials) == 1 else f"{len(trials)} seeds"
        yield _of(f"{dataset} {label}, {seeds}", "per-request", model, prompts, asking, done)


def _training(prepared: PreparedData) -> TrainingData:
    parts = prepared.split
    return TrainingData(
        sequences=parts.train,
        items=prepared.dataset.items,
        validation=parts.validation,
        validation_targets=parts.validation_targets,
        fingerprint=prepared.training_fingerprint,
    )


def _nothing_asked(what: str, built: bool, seconds: float | None) -> Estimate:
    none = Span(0, 0, 0)
    return Estimate(what, "one-off", "", "", built, 0, 0, none, none, seconds, none, none, "")


def _of(
    what: str, charged: Charged, model: LanguageModel, prompts: Sequence[Prompt], asking: Asking, built: bool
) -> Estimate:
    cassette, identity = asking.cassette_for(model.name), model.identity()
    cassette.refresh()
    keys = [request_key(identity, prompt) for prompt in prompts]
    entries = {key: entry for key in dict.fromkeys(keys) if (entry := cassette.find(key)) is not None}
    known = [e for e in cassette.entries() if e.identity.get("model") == model.config.model]
    rates = _characters_per_token(known)
    lengths = _answer_lengths(known)
    unknown = Span(1, None, model.config.max_tokens)
    prompt_tokens = completion_tokens = unasked_prompt = unasked_completion = Span(0, 0, 0)
    missing = set[str]()
    for key, prompt in zip(keys, prompts, strict=True):
        usage = entries[key].completion.usage if key in entries else Usage()
        asked = _prompt_span(prompt, usage, rates)
        answered = _exactly(usage.completion_tokens) or lengths.get(prompt.family, unknown)
        prompt_tokens, completion_tokens = prompt_tokens + asked, completion_tokens + answered
        if key not in entries and key not in missing:  # prompts that are alike are asked once
            missing.add(key)
            unasked_prompt, unasked_completion = unasked_prompt + asked, unasked_completion + answered
    price = asking.prices.price(model.config.model)
    to_ask = 0 if built else len(missing)
    paid = model.billed and to_ask
    return Estimate(
        what=what,
        charged=charged,
        provider=model.name,
        model=model.config.model,
        built=built,
        calls=len(prompts),
        recorded_calls=len(prompts) - len(missing),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        call_seconds=_seconds(known, to_ask),
        billed_usd=_dollars(unasked_prompt, unasked_completion, price, model.batch) if paid else Span(0, 0, 0),
        notional_usd=_dollars(prompt_tokens, completion_tokens, price, model.batch),
        price="" if price is None else str(price),
        fault=_fault(model, asking, to_ask) if to_ask else "",
    )


def _fault(model: LanguageModel, asking: Asking, to_ask: int) -> str:
    if asking.mode == "replay":
        return f"replay: {to_ask:,} answers of {model.name} {model.config.model} are not recorded in {asking.cassette}"
    return asking.unpriceable(model.config) or model.fault() or ""


def _characters_per_token(known: Sequence[Entry]) -> tuple[float, float, float]:
    """Few, usual, many: of the prompts this model has counted before, else of English text."""
    rates = sorted(
        sum(len(message["content"]) for message in entry.request["messages"]) / entry.completion.usage.prompt_tokens
        for entry in known
        if entry.request is not None and entry.completion.usage.prompt_tokens
    )
    return (rates[0], statistics.median(rates), rates[-1]) if len(rates) >= 10 else _CHARACTERS_PER_TOKEN


def _prompt_span(prompt: Prompt, usage: Usage, rates: tuple[float, float, float]) -> Span:
    few, usual, many = rates
    guessed = Span(prompt.characters / many, prompt.characters / usual, prompt.characters / few)
    return _exactly(usage.prompt_tokens) or guessed


def _exactly(tokens: int | None) -> Span | None:
    return None if tokens is None else Span(tokens, tokens, tokens)


def _answer_lengths(known: Sequence[Entry]) -> dict[str, Span]:
    """By prompt family: the shortest, the mean and the longest of ten answers or more that this model has given."""
    counts: dict[str, list[int]] = {}
    for entry in known:
        if entry.completion.usage.completion_tokens is not None:
            counts.setdefault(entry.family, []).append(entry.completion.usage.completion_tokens)
    return {
        family: Span(min(told), statistics.fmean(told), max(told)) for family, told in counts.items() if len(told) >= 10
    }


def _seconds(known: Sequence[Entry], calls: int) -> float | None:
    told = [e.completion.seconds for e in known if e.completion.seconds is not None]
    if not calls:
        return 0.0
    return statistics.fmean(told) * calls if told else None


def _dollars(prompt: Span, completion: Span, price: Price | None, batch: bool) -> Span | None:
    if price is None:
        return None
    share = (price.batch if batch else 1.0) / 1_000_000
    return (prompt.times(price.prompt) + completion.times(price.completion)).times(share)
