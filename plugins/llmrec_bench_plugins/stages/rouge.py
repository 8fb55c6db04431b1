"""ROUGE-L: how much of one text stands in another, in the same order."""

import re

_WORD = re.compile(r"[a-z0-9]+")


def rouge_l(text: str, reference: str) -> float:
    """The F1 of their longest common subsequence of words (Lin 2004), as of the package rouge-score: words are runs of
    a-z and 0-9, case does not count, nothing is stemmed. 0 where either has no word."""
    ours, theirs = _WORD.findall(text.lower()), _WORD.findall(reference.lower())
    if not ours or not theirs:
        return 0.0
    longest = [0] * (len(theirs) + 1)
    for word in ours:
        before = 0  # of what came before both words
        for place, other in enumerate(theirs, start=1):
            either = longest[place]
            longest[place] = before + 1 if word == other else max(either, longest[place - 1])
            before = either
    return 2 * longest[-1] / (len(ours) + len(theirs))
