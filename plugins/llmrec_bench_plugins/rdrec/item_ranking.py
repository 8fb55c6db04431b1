"""Items ranked by what a model would write: searched for in a tree, read exactly, or written freely."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from llmrec_bench import PAD, BenchError, Queries, Scores
from llmrec_bench_plugins.rdrec.free_answers import FreeAnswers, Repeated
from llmrec_bench_plugins.rdrec.id_tokens import IdTokenizer, padded
from llmrec_bench_plugins.rdrec.templates import number

if TYPE_CHECKING:
    from torch import Tensor

    from llmrec_bench_plugins.blocks.item_trie import ItemTrie
    from llmrec_bench_plugins.blocks.prompted_t5 import Encoded, PromptedT5, TextBatch

_LONGEST_FREE = 50
"""Tokens that a free text may have, as in the papers."""


@dataclass(frozen=True)
class ItemWriter:
    """A model with what it takes to show it texts and to know items in what it writes."""

    model: "PromptedT5"
    ids: IdTokenizer
    trie: "ItemTrie"
    """Of the numbers of all items."""
    numbers: npt.NDArray[np.int64]
    """int64 (I, T): the tokens of each item's number, -1 after its end."""
    prompt_numbers: Mapping[str, int]
    """The prompt vectors by the name of their prompt."""
    device: str

    @property
    def n_items(self) -> int:
        """I."""
        return len(self.numbers)

    def batch(self, texts: Sequence[str], prompts: Sequence[str]) -> "TextBatch":
        """The texts, each with its prompt, on the device."""
        import torch

        from llmrec_bench_plugins.blocks.prompted_t5 import TextBatch

        parts = (*self.ids.encode(texts), np.array([self.prompt_numbers[name] for name in prompts]))
        return TextBatch(*(torch.from_numpy(part).to(self.device) for part in parts))

    def searched(
        self, encoded: "Encoded", queries: Queries, beams: int, returned: int | None, write_seen: bool
    ) -> Scores:
        """float32 (B, I): the log-probabilities of the items in which a beam of the search ended, the best `returned`
        of them, NaN elsewhere."""
        import torch

        from llmrec_bench_plugins.blocks.item_search import best_items

        allowed = None
        if queries.candidates is not None or not write_seen:
            marked = candidates_of(queries, self.n_items)
            if not write_seen:
                marked[queries.histories.rows(), queries.histories.items] = False
            allowed = self.trie.allowed(torch.from_numpy(marked).to(self.device))
        items, values = best_items(self.model, encoded, self.trie, beams, allowed)
        return self._spread(items[:, :returned].cpu().numpy(), values[:, :returned])

    def likelihoods(self, encoded: "Encoded", queries: Queries) -> Scores:
        """float32 (B, I): the exact log-probabilities of the candidates' numbers, NaN for other items."""
        import torch

        from llmrec_bench_plugins.blocks.item_search import log_likelihoods

        places = np.arange(self.n_items)[None] if queries.candidates is None else np.maximum(queries.candidates, 0)
        targets = torch.from_numpy(self.numbers[places]).to(self.device).expand(len(queries), -1, -1)
        values = log_likelihoods(self.model, encoded, targets).cpu().numpy()
        scores = np.full((len(queries), self.n_items), np.nan, dtype=np.float32)
        scores[np.arange(len(queries))[:, None], places] = values
        return scores

    def written(
        self,
        encoded: "Encoded",
        queries: Queries,
        beams: int,
        returned: int | None,
        write_seen: bool,
        repeated_item: Repeated,
        answers: FreeAnswers,
    ) -> Scores:
        """float32 (B, I): the log-probabilities of the items that free texts name, the best `returned` texts, NaN
        elsewhere; every one of these texts goes into the ledger. Without `write_seen`, items of the history have none.
        """
        tokens, values = self.model.generate(encoded, beams, returned or beams, _LONGEST_FREE)
        items = np.empty(values.shape, dtype=np.int64)
        for row, user in enumerate(queries.users.tolist()):
            texts = self.ids.tokenizer.batch_decode(tokens[row], skip_special_tokens=True)
            history = set(queries.histories[row].tolist())
            candidates = None if queries.candidates is None else set(queries.candidates[row].tolist())
            codes = answers.read(user, texts, self.n_items, history, candidates, repeated_item)
            items[row] = codes if write_seen else [-1 if code in history else code for code in codes]
        return self._spread(items, values)

    def _spread(self, items: npt.NDArray[np.int64], values: "Tensor") -> Scores:
        scores = np.full((len(items), self.n_items), np.nan, dtype=np.float32)
        row, beam = np.nonzero(items >= 0)
        scores[row, items[row, beam]] = values.cpu().numpy()[row, beam]
        return scores


def item_writer(
    model: "PromptedT5", ids: IdTokenizer, n_items: int, prompt_numbers: Mapping[str, int], known_as: str, device: str
) -> ItemWriter:
    """For items 0 ... n - 1. Raises `BenchError` where the tokenizer cannot tell their numbers apart."""
    from llmrec_bench_plugins.blocks.item_trie import item_trie

    numbers = ids.targets([number(code) for code in range(n_items)])
    try:
        trie = item_trie(numbers).to(device)
    except ValueError as error:
        raise BenchError(f"{known_as}: its tokenizer writes different numbers alike ({error}); use T5's own") from None
    return ItemWriter(model.to(device), ids, trie, padded(numbers, -1), prompt_numbers, device)


def shown_order(candidates: npt.NDArray[np.int32], user: int, seed: int) -> list[int]:
    """The candidates of a query as its prompt lists them, each once, in an order that follows from the set of them, the
    user and the seed: neither from the order they come in, nor from which of them is the target."""
    items = np.unique(candidates[candidates != PAD]).astype(np.int64)
    return np.random.default_rng([seed, user]).permutation(items).tolist()


def candidates_of(queries: Queries, n_items: int) -> npt.NDArray[np.bool_]:
    """bool (B, I): which items a query has as candidates; all of them where it names none."""
    if queries.candidates is None:
        return np.ones((len(queries), n_items), dtype=bool)
    marked = np.zeros((len(queries), n_items), dtype=bool)
    row, column = np.nonzero(queries.candidates != PAD)
    marked[row, queries.candidates[row, column]] = True
    return marked
