"""Users for whom one method finds what another one misses, chosen by rule."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from llmrec_bench.figures.figure import Case, Cases, ShownList
from llmrec_bench.figures.one_line import one_line
from llmrec_bench.figures.scene import Scene
from llmrec_bench.figures.stage_texts import StageTexts
from llmrec_bench.plan import Trial
from llmrec_bench.suite_figures import CasesEntry

_HISTORY = 10
_LISTED = 5


def flips(first: npt.NDArray[np.int64], last: npt.NDArray[np.int64]) -> tuple[list[int], list[int]]:
    """Places in the (B,) places of targets, 0 for not found, where only the last method finds it and where only the
    first one does."""
    gained, lost = (last > 0) & (first == 0), (first > 0) & (last == 0)
    return np.flatnonzero(gained).tolist(), np.flatnonzero(lost).tolist()


def build_cases(scene: Scene, entry: CasesEntry) -> Cases:
    """The first few users, by code, whom only the last method serves, at the first seed planned."""
    scene = scene.at_seed(scene.seeds[0])
    first, last = scene.figure.methods[0], scene.figure.methods[-1]
    lists = {t.method.label: _Lists(scene, t, entry.cutoff) for t in scene.finished}
    gained, lost, cases = None, None, []
    if first in lists and last in lists:
        gained, lost = flips(lists[first].places, lists[last].places)
        texts = StageTexts(scene)
        cases = [_case(scene, query, lists, texts) for query in gained[: entry.users]]
    return Cases(
        name=scene.figure.name,
        title=entry.title,
        kind=entry.kind,
        dataset=scene.dataset,
        simulated=scene.simulated,
        cutoff=entry.cutoff,
        gained=None if gained is None else len(gained),
        lost=None if lost is None else len(lost),
        cases=tuple(cases),
        seeds=scene.seeds,
        protocol_hash=scene.protocol.hash,
        fingerprint=scene.prepared.dataset.fingerprint,
        notes=scene.notes(list(_own_notes(scene, entry, gained, lost, cases)), set()),
    )


def _own_notes(
    scene: Scene, entry: CasesEntry, gained: list[int] | None, lost: list[int] | None, cases: Sequence[Case]
) -> Iterator[str]:
    first, last = scene.figure.methods[0], scene.figure.methods[-1]
    if gained is None or lost is None:
        finished = {trial.method.label for trial in scene.finished}
        missing = " and ".join(label for label in (first, last) if label not in finished)
        yield f"No case can be chosen: no finished trial of {missing} here, seed {scene.seeds[0]}."
        return
    yield (
        f"Chosen by rule, to show what a difference looks like, not that there is one: users for whom {last} has a "
        f"target among its first {entry.cutoff} places and {first} has none, lowest user code first, seed "
        f"{scene.seeds[0]}. There are {len(gained):,} such users, and {len(lost):,} for whom it is the other way round."
    )
    if any(case.texts for case in cases):
        yield (
            "Texts are those that stages wrote about these users, for the test; a method that is a control may have "
            "had others."
        )


class _Lists:
    """The lists of one trial, cut off, and where targets stand in them."""

    def __init__(self, scene: Scene, trial: Trial, cutoff: int) -> None:
        data = scene.prepared
        stored = scene.store.top_lists(trial.id)
        stored = stored[stored["rank"] <= cutoff]
        asked = data.split.test.users
        row_of = pd.Index(data.dataset.users[asked].astype("str"))
        rows = row_of.get_indexer(stored["user"]).astype(np.int64)
        items = pd.Index(data.dataset.items["token"]).get_indexer(stored["item"]).astype(np.int64)
        places = stored["rank"].to_numpy(dtype=np.int64)
        order = np.lexsort((places, rows))
        self._rows, self._items = rows[order], items[order]
        n_items = data.dataset.n_items
        hits = np.isin(rows * n_items + items, data.split.test_targets.pairs(n_items))
        best = np.full(len(asked), cutoff + 1, dtype=np.int64)
        np.minimum.at(best, rows[hits], places[hits])
        self.places = np.where(best > cutoff, 0, best)
        """int64 (B,), by query of the split: the best place of a target, 0 where none is in the list."""

    def items(self, query: int) -> list[int]:
        """Item codes, best first."""
        start, end = np.searchsorted(self._rows, (query, query + 1))
        return self._items[start:end].tolist()


def _case(scene: Scene, query: int, lists: dict[str, _Lists], texts: StageTexts) -> Case:
    parts, dataset = scene.prepared.split, scene.prepared.dataset
    user = int(parts.test.users[query])
    history = parts.test.histories[query].tolist()
    shown = []
    for label in scene.labels:
        found = lists.get(label)
        titles = None if found is None else _titles(scene, found.items(query)[:_LISTED])
        place = None if found is None else int(found.places[query]) or None
        shown.append(ShownList(label, scene.simulates(label), titles, place))
    return Case(
        user=one_line(str(dataset.users[user])),
        history=_titles(scene, history[-_HISTORY:]),
        earlier=max(0, len(history) - _HISTORY),
        targets=_titles(scene, parts.test_targets[query].tolist()),
        lists=tuple(shown),
        texts=tuple(texts.about(user)),
    )


def _titles(scene: Scene, items: Sequence[int]) -> tuple[str, ...]:
    """Or tokens where no title is known."""
    table = scene.prepared.dataset.items
    titles, tokens = table["title"], table["token"]
    return tuple(one_line(str(titles.iat[item])) or one_line(str(tokens.iat[item])) for item in items)
