"""One category or several: how a column of categories is read."""

from collections.abc import Sequence

_SIGNS = "|>;,"


def split_categories(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """The categories of each text, each once, parted by the first of `|`, `>`, `;` and `,` that any text has.

    Where no text has a sign, yet fewer words than texts make up all of them (`Comedy Drama`, `Drama War`), blanks part
    them; else a text is one category.
    """
    distinct = {text for text in texts if text}
    words = {word for text in distinct for word in text.split()}
    signs = [sign for sign in _SIGNS if any(sign in text for text in distinct)]
    if signs:
        rows = [[part.strip() for part in text.split(signs[0])] for text in texts]
    else:
        rows = [text.split() if len(words) < len(distinct) else [text] for text in texts]
    return [tuple(dict.fromkeys(part for part in row if part)) for row in rows]
