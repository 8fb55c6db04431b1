"""Answers of the family `ranking`: the numbers of the candidates, best first."""

from llmrec_bench import BenchError, Prompt
from llmrec_bench_plugins.llms.simulation.catalogue import Catalogue
from llmrec_bench_plugins.llms.simulation.draft import Draft
from llmrec_bench_plugins.llms.simulation.draws import Draws
from llmrec_bench_plugins.llms.simulation.likeness import Likeness
from llmrec_bench_plugins.llms.simulation.shown import candidates_of, history_of

_NOISE_PERCENT = 20


def write_ranking(prompt: Prompt, draws: Draws, catalogue: Catalogue, likeness: Likeness) -> Draft:
    """All candidates by likeness to the history, with noise of up to a fifth of the greatest likeness among them.

    Raises `BenchError` for a prompt without candidates.
    """
    candidates = candidates_of(prompt, catalogue)
    if not candidates:
        raise BenchError(
            "simulated language model: a prompt of family 'ranking' shows no candidates; "
            "write them as `[1] title; [2] title; ...`"
        )
    alike = likeness.to_history(history_of(prompt, catalogue))
    scores = [0 if code is None else int(alike[code]) for code in candidates]
    reach = 1 + max(scores) * _NOISE_PERCENT // 100
    # A draw has 32 bits; likeness may have more.
    noisy = [score + (reach * draws.below(1 << 16) >> 16) for score in scores]
    order = sorted(range(len(noisy)), key=lambda place: -noisy[place])
    n = len(order)
    return Draft("", tuple(str(place + 1) for place in order), tuple(str(n + 1 + place) for place in range(n)))
