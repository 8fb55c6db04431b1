"""All items' texts as one tree of tokens, so that a search can only write texts that name an item."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class ItemTrie:
    """N nodes; node 0 is the root, and the children of a node are numbered one after the other."""

    tokens: Tensor
    """int64 (N,): the token that leads to the node."""
    first: Tensor
    """int64 (N,): its first child."""
    count: Tensor
    """int64 (N,): how many it has; 0 for the end of a text."""
    items: Tensor
    """int64 (N,): the item whose text ends here, -1 elsewhere."""
    paths: Tensor
    """int64 (I, T): the nodes from the root to the end of each item's text, the root again beyond its end."""

    def allowed(self, items: Tensor) -> Tensor:
        """bool (B, N): the nodes on the way to the items marked in bool (B, I)."""
        marked = torch.zeros(len(items), len(self.tokens), dtype=torch.bool, device=items.device)
        query, item = torch.nonzero(items, as_tuple=True)
        marked[query[:, None], self.paths[item]] = True
        return marked

    def to(self, device: str) -> "ItemTrie":
        """On the device."""
        parts = (self.tokens, self.first, self.count, self.items, self.paths)
        return ItemTrie(*(part.to(device) for part in parts))


def item_trie(texts: Sequence[Sequence[int]]) -> ItemTrie:
    """Of the tokens of each item's text, the end token included. Raises ValueError where two texts are the same, or
    one is the beginning of another."""
    longest = max(map(len, texts))
    tokens, first, count, items = [-1], [0], [0], [-1]
    paths = np.zeros((len(texts), longest), dtype=np.int64)
    level: list[tuple[int, list[int]]] = [(0, list(range(len(texts))))]
    for depth in range(longest):
        deeper = []
        for node, members in level:
            branches: dict[int, list[int]] = {}
            for item in members:
                branches.setdefault(texts[item][depth], []).append(item)
            first[node], count[node] = len(tokens), len(branches)
            for token, branch in sorted(branches.items()):
                new = len(tokens)
                paths[branch, depth] = new
                ends = [item for item in branch if len(texts[item]) == depth + 1]
                if ends and len(branch) > 1:
                    raise ValueError(f"the texts of items {branch[0]} and {branch[1]} cannot be told apart")
                tokens.append(token)
                first.append(0)
                count.append(0)
                items.append(ends[0] if ends else -1)
                if not ends:
                    deeper.append((new, branch))
        level = deeper
    return ItemTrie(
        tokens=torch.tensor(tokens),
        first=torch.tensor(first),
        count=torch.tensor(count),
        items=torch.tensor(items),
        paths=torch.from_numpy(paths),
    )
