"""All that keeps a suite from its plan, told together: data, and what its models lack besides."""

from collections.abc import Iterator, Sequence

import pandas as pd

from llmrec_bench.errors import SuiteErrors
from llmrec_bench.plan import Plan, make_plan, wanted
from llmrec_bench.plugins import Catalog
from llmrec_bench.stage import stages_in
from llmrec_bench.suite import Suite
from llmrec_bench.suite_methods import SuiteMethod


def plan_or_missing(
    suite: Suite,
    catalog: Catalog,
    only: Sequence[str] = (),
    seeds: Sequence[int] | None = None,
    device: str = "cpu",
    replay: bool = False,
) -> Plan:
    """The plan of a suite, as `make_plan` makes it; but where that raises `SuiteErrors`, as for data that are missing,
    they also hold what language models and stages lack, so that all of it can be got in one go.

    For the command that shows a plan. A run takes `make_plan`: it is not to be stopped by weights that the hub may
    give, and learns of missing keys by itself, for what it really has to ask.
    """
    try:
        return make_plan(suite, only, seeds)
    except SuiteErrors as error:
        replay = replay or suite.llm.mode == "replay"
        lacking = faults(suite, catalog, only, device, replay)
        raise SuiteErrors(list(dict.fromkeys([*error.mistakes, *lacking]))) from None


def faults(suite: Suite, catalog: Catalog, only: Sequence[str], device: str, replay: bool) -> list[str]:
    """A line for each fault of a language model or a stage, with the first method that needs it; no data are read.

    A replay needs no key. Which answers are recorded cannot be told without the data, so that a key may be asked for
    that nothing will use.
    """
    first: dict[str, str] = {}
    for method in suite.methods:
        if any(wanted(label, method.label, only) for label in method.datasets):
            stages = [stage.fault(device) for stage in stages_in(method.config)]
            for fault in [*([] if replay else _of_models(method, catalog)), *stages]:
                if fault is not None:
                    first.setdefault(fault, method.label)
    return [f"{suite.path}: methods.{label}: {fault}" for fault, label in first.items()]


def _of_models(method: SuiteMethod, catalog: Catalog) -> Iterator[str | None]:
    items = pd.DataFrame({"token": [], "title": []})
    asking = method.method(method.config)  # type: ignore[arg-type]
    named = [*(stage.language_model() for stage in stages_in(method.config)), asking.language_model()]
    for options in named:
        if options is not None:
            yield catalog.language_models[options.provider](options, items).fault()
