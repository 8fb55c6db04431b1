"""What text metrics read: explanations beside the reviews they should have foretold."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

_WORD = re.compile(r"\w+")

Phrase = tuple[str, ...]
"""The words of a feature, in lower case."""


def phrase(text: str) -> Phrase:
    """The words of a text in lower case: runs of letters, digits and underscores of any script."""
    return tuple(_WORD.findall(text.casefold()))


@dataclass(frozen=True)
class ExplainedPairs:
    """N pairs of a user and an item, each with a method's text and the user's own review."""

    texts: Sequence[str]
    """N explanations; '' where the method wrote nothing."""
    references: Sequence[str]
    """N reviews, cut as the protocol says."""
    features: Sequence[str]
    """N features that the reviews are about; '' where unknown."""

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def known(self) -> list[Phrase]:
        """N: the words of each pair's feature, none where it is unknown."""
        return [phrase(feature) for feature in self.features]

    @cached_property
    def mentions(self) -> list[set[Phrase]]:
        """N: which of the known features, whosever they are, each text contains as whole words next to each other."""
        known = set(self.known) - {()}
        lengths = sorted({len(feature) for feature in known})
        found = []
        for text in self.texts:
            words = phrase(text)
            spans = (words[i : i + length] for length in lengths for i in range(len(words) - length + 1))
            found.append(known.intersection(spans))
        return found
