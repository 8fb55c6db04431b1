"""An answer before it is set in its form."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Draft:
    """Prose, and after it the things listed: the titles of a rationale, the numbers of a ranking."""

    prose: str
    """All that comes before the list, with the line break between them."""
    picks: tuple[str, ...] = ()
    """What is listed; empty for an answer that lists nothing."""
    strangers: tuple[str, ...] = ()
    """As many things that may not be listed: titles that no item has, numbers that no candidate has."""
    numbered: bool = False
    """True for a numbered line each, False for commas between them."""

    @property
    def text(self) -> str:
        """The answer."""
        if self.numbered:
            return self.prose + "\n".join(f"{place}. {pick}" for place, pick in enumerate(self.picks, start=1))
        return self.prose + ", ".join(self.picks)
