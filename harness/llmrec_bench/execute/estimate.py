"""What a plan will ask of language models and what that costs, before anything is asked."""

import statistics
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from llmrec_bench.artifacts import Artifacts
from llmrec_bench.data.training import TrainingData
from llmrec_bench.execute.trial_data import Loader
from llmrec_bench.llm.cassette import Asked, Entry, Request
from llmrec_bench.llm.language_model import LanguageModel, Usage
from llmrec_bench.llm.meter import Charged, plus
from llmrec_bench.llm.metered import Asking
from llmrec_bench.llm.prices import Price
from llmrec_bench.llm.prompt import Prompt
from llmrec_bench.plan import Plan, Trial
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
        return Span(self.low + other.low, plus(self.likely, other.likely), plus(self.high, other.high))

    def times(self, factor: float) -> "Span":
        """Each of the three, multiplied."""
        return Span(
            self.low * factor,
            None if self.likely is None else self.likely * factor,
            None if self.high is None else self.high * factor,
        )


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
    """Why it cannot be had as things are: no key, no weights, too little memory, answers that a replay lacks."""


def estimate(
    plan: Plan, store: Store, asking: Asking, finished: Iterable[str] = (), device: str = "cpu"
) -> list[Estimate]:
    """Every stage of the plan, and every method that asks a language model for its rankings; nothing is asked.

    `finished` are the ids of trials that will not run, `device` is where stages would be built.
    """
    artifacts, asked = Artifacts(store.root / "artifacts"), {a.what: a for a in _all_asked(plan, store, asking)}
    done = _done(plan, artifacts, set(finished))
    recorded = {name: list(asking.cassette_for(name).entries()) for name in {a.model.name for a in asked.values()}}
    found = []
    for planned in plan.stages:
        manifest = artifacts.manifest(planned.stage, planned.key)
        seconds = None if manifest is None else manifest.build_seconds
        fault = "" if planned.label in done else planned.stage.fault(device) or ""
        if planned.label not in asked:
            found.append(_nothing_asked(planned.label, manifest is not None, seconds, fault))
            continue
        own = _of(asked.pop(planned.label), asking, planned.label in done, recorded)
        own = replace(own, fault="; ".join(filter(None, (own.fault, fault))))
        found.append(own if seconds is None else replace(own, call_seconds=seconds))
    return [*found, *(_of(asks, asking, asks.what in done, recorded) for asks in asked.values())]


def unanswerable(plan: Plan, store: Store, asking: Asking, finished: Iterable[str]) -> list[str]:
    """A line for everything that keeps trials that are not finished from their language models: no key, no weights, no
    price for a budget, answers that a replay lacks."""
    done = _done(plan, Artifacts(store.root / "artifacts"), set(finished))
    found = []
    for asks in _all_asked(plan, store, asking, done):
        cassette, asked = asking.cassette_for(asks.model.name), Asked(asks.model.identity())
        cassette.refresh()
        keys = {Request(asked, prompt).key for prompt in asks.prompts}
        missing = sum(cassette.find(key) is None for key in keys)
        if not asks.exact and asking.mode == "replay":
            continue  # which answers it needs shows when it runs
        if missing and (fault := _fault(asks.model, asking, missing)):
            found.append(f"{asks.what}: {fault}")
    return found


@dataclass(frozen=True)
class _Asked:
    """What a stage, or a method for its rankings, is going to ask."""

    what: str
    charged: Charged
    model: LanguageModel
    prompts: Sequence[Prompt]
    exact: bool = True
    """Whether these are the prompts to the letter, so that recorded answers can be told."""


def _done(plan: Plan, artifacts: Artifacts, finished: set[str]) -> set[str]:
    """What will ask nothing: stages that are built or that only finished trials need, methods whose trials all are."""
    open_trials = [trial for trial in plan.trials if trial.id not in finished]
    needed = {planned.key for trial in open_trials for planned in plan.stages_for(trial)}
    stages = {
        planned.label
        for planned in plan.stages
        if planned.key not in needed or artifacts.manifest(planned.stage, planned.key) is not None
    }
    going = {(trial.dataset.label, trial.method.label) for trial in open_trials}
    return stages | {_label(trials) for pair, trials in _rows(plan).items() if pair not in going}


def _all_asked(plan: Plan, store: Store, asking: Asking, done: Container[str] = ()) -> Iterator[_Asked]:
    """Of everything that is not done."""
    training: dict[str, TrainingData] = {}
    for planned in plan.stages:
        options = planned.stage.language_model()
        if options is None or planned.label in done:
            continue
        label = planned.dataset.label
        if label not in training:
            prepared = plan.prepared[label]
            training[label] = prepared.training(prepared.split.validation, prepared.split.validation_targets)
        train = training[label]
        model = asking.kinds[options.provider](options, train.items)
        yield _Asked(planned.label, "one-off", model, planned.stage.prompts(planned.stage.given(train)))
    loader = Loader()
    for (dataset, _), trials in _rows(plan).items():
        method = trials[0].method.method(trials[0].method.config)  # type: ignore[arg-type]
        options = method.language_model()
        if options is None or _label(trials) in done:
            continue
        model = asking.kinds[options.provider](options, plan.prepared[dataset].dataset.items)
        prompts: list[Prompt] = []
        for trial in trials:
            data = loader.load(trial, store)
            prompts += method.prompts(data.training, data.test, trial.seed)
        yield _Asked(_label(trials), "per-request", model, prompts, not method.prompts_need_fit)


def _rows(plan: Plan) -> dict[tuple[str, str], list[Trial]]:
    """Trials by data set and method."""
    rows: dict[tuple[str, str], list[Trial]] = {}
    for trial in plan.trials:
        rows.setdefault((trial.dataset.label, trial.method.label), []).append(trial)
    return rows


def _label(trials: Sequence[Trial]) -> str:
    seeds = "1 seed" if len(trials) == 1 else f"{len(trials)} seeds"
    return f"{trials[0].dataset.label} {trials[0].method.label}, {seeds}"


def _nothing_asked(what: str, built: bool, seconds: float | None, fault: str) -> Estimate:
    none = Span(0, 0, 0)
    return Estimate(what, "one-off", "", "", built, 0, 0, none, none, seconds, none, none, "", fault)


def _of(asks: _Asked, asking: Asking, built: bool, recorded: Mapping[str, Sequence[Entry]]) -> Estimate:
    """`recorded` are all answers by provider."""
    model, prompts = asks.model, asks.prompts
    whom = Asked(model.identity())
    keys = [Request(whom, prompt).key for prompt in prompts]
    wanted = set(keys)
    entries = {entry.key: entry for entry in recorded[model.name] if entry.key in wanted}
    known = [entry for entry in recorded[model.name] if entry.identity.get("model") == model.config.model]
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
        what=asks.what,
        charged=asks.charged,
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
        fault=_fault(model, asking, to_ask) if to_ask and (asks.exact or asking.mode == "record") else "",
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
