"""What data and models wrote, as text that no terminal and no table trips over."""

import unicodedata

_TURNS = {chr(code) for start, end in ((0x202A, 0x202E), (0x2066, 0x2069)) for code in range(start, end + 1)}
"""They show the characters after them in another order."""


def one_line(text: str) -> str:
    """White space as single blanks, and control characters spelt out, as `\\x1b`."""
    return "".join(map(_plain, " ".join(text.split())))


def printable(text: str) -> str:
    """Lines as they are, tabs as blanks, and other control characters spelt out."""
    return "\n".join("".join(map(_plain, line.expandtabs(4))) for line in text.splitlines())


def _plain(character: str) -> str:
    if unicodedata.category(character) in ("Cc", "Cs") or character in _TURNS:
        return ascii(character)[1:-1]
    return character
