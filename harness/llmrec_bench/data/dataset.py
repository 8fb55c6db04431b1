"""A prepared data set: coded interactions and item texts, with the funnel behind them and a fingerprint."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import AfterValidator, WithJsonSchema

from llmrec_bench.config import Config
from llmrec_bench.data.filters import Events, Filter, FunnelStep, apply_filters
from llmrec_bench.data.sequences import Sequences
from llmrec_bench.data.source import DataSource, Log
from llmrec_bench.errors import BenchError

_ID_ORDER = r"^(published|shuffled\(\d+\))$"


_REVIEW_SPLIT = r"^(held-out-apart|as-released\(\d+\))$"


def _id_order(text: str) -> str:
    if not re.match(_ID_ORDER, text):
        raise ValueError(f"should be published or shuffled(SEED), such as shuffled(1) (given {text!r})")
    return text


def _review_split(text: str) -> str:
    if not re.fullmatch(_REVIEW_SPLIT, text):
        raise ValueError(f"should be held-out-apart or as-released(SEED), such as as-released(1) (given {text!r})")
    return text


class Preparation(Config):
    """What happens between reading a source and splitting it."""

    filters: tuple[Filter, ...] = ()
    """Applied in this order to the events sorted by user and time."""
    item_id_order: Annotated[
        str, AfterValidator(_id_order), WithJsonSchema({"type": "string", "pattern": _ID_ORDER})
    ] = "published"
    """`published` numbers items in the order of their published ids (numeric where all are numbers);
    `shuffled(SEED)` permutes the numbers, which undoes id orders that give answers away."""
    reviews: Annotated[
        str, AfterValidator(_review_split), WithJsonSchema({"type": "string", "pattern": _REVIEW_SPLIT})
    ] = "held-out-apart"
    """`held-out-apart`: methods read the reviews of training interactions, and those of validation ones apart; those of
    the test never. `as-released(SEED)`: reviews are split 8:1:1 on their own, as in the code of P5, POD and RDRec,
    whatever the ranking holds out, so that the reviews of most test interactions are trained on; every table says
    so."""

    @property
    def review_seed(self) -> int | None:
        """Of the split of reviews as released; None where they go with their interactions."""
        seed = re.fullmatch(r"as-released\((\d+)\)", self.reviews)
        return None if seed is None else int(seed[1])


@dataclass(frozen=True)
class Dataset:
    """Interactions and item texts after preparation."""

    name: str
    """The label the suite gave it."""
    source: DataSource
    sequences: Sequences
    """U rows, all interactions, oldest first; equal times keep the order of the file."""
    users: pd.Index
    """U user tokens in code order."""
    items: pd.DataFrame
    """I rows in code order: `token`, `title` ('' where unknown) and the source's other columns."""
    reviews: pd.Series | None
    """N review texts aligned with `sequences.items`, or None where the source has none."""
    funnel: list[FunnelStep]
    fingerprint: str
    """sha256 of the content, 16 hex digits: tokens, order, times, ratings and texts."""
    features: pd.Series | None = None
    """N texts aligned with `reviews`: what of the item each is about ('' where unknown), or None where the source does
    not tell."""
    review_seed: int | None = None
    """Of the split of reviews as released; None: they go with their interactions."""

    @property
    def n_users(self) -> int:
        """U."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """I."""
        return len(self.items)

    @property
    def simulated(self) -> bool:
        """True where the interactions are made, not observed."""
        return self.source.simulated


def load_dataset(name: str, source: DataSource, preparation: Preparation) -> Dataset:
    """Read, filter and code a data set.

    Raises `BenchError` for unreadable input and for filters that leave nothing.
    """
    log = source.read()
    _check_reviews(name, source, log, preparation)
    events, user_tokens, item_tokens = _encode(name, log)
    texts = _align_texts(name, log.items, item_tokens)
    events, funnel = apply_filters(events, preparation.filters, (texts["title"] != "").to_numpy(dtype=bool))
    if not len(events):
        emptied = next(step.step for step in funnel if not step.interactions)
        raise BenchError(
            f"data set '{name}': no interaction is left after {emptied} ({funnel[0].interactions:,} were read); "
            "relax its filters"
        )
    users_left, user_codes = np.unique(events.users, return_inverse=True)
    items_left, item_codes = np.unique(events.items, return_inverse=True)
    shuffle = re.fullmatch(r"shuffled\((\d+)\)", preparation.item_id_order)
    if shuffle:
        new_codes = np.random.default_rng(int(shuffle[1])).permutation(len(items_left))
        items_left = items_left[np.argsort(new_codes)]
        item_codes = new_codes[item_codes]
    sequences = Sequences(
        offsets=np.concatenate(([0], np.cumsum(np.bincount(user_codes)))).astype(np.int64),
        items=item_codes.astype(np.int32),
        times=events.times,
        ratings=events.ratings,
    )
    users = user_tokens[users_left]
    items = texts.iloc[items_left].reset_index(drop=True)
    reviews, features = (
        None if texts is None else texts.reset_index(drop=True) for texts in (events.reviews, events.features)
    )
    told = [column for column in (reviews, features) if column is not None]
    if preparation.review_seed is not None:
        told.append(pd.Series([preparation.reviews], name="reviews"))
    return Dataset(
        name=name,
        source=source,
        sequences=sequences,
        users=users,
        items=items,
        reviews=reviews,
        funnel=funnel,
        fingerprint=fingerprint(sequences, [users, *_columns(items), *told]),
        features=features,
        review_seed=preparation.review_seed,
    )


def fingerprint(sequences: Sequences, texts: Iterable[pd.Series | pd.Index]) -> str:
    """sha256 over arrays and texts, 16 hex digits; the same content gives the same digits on any machine."""
    digest = hashlib.sha256()
    for array in (sequences.offsets, sequences.items, sequences.times, sequences.ratings):
        digest.update(b"none" if array is None else array.dtype.str.encode() + np.ascontiguousarray(array).tobytes())
    _add(texts, digest)
    return digest.hexdigest()[:16]


def text_fingerprint(texts: Iterable[pd.Series]) -> str:
    """sha256 over columns with their names, 16 hex digits."""
    digest = hashlib.sha256()
    _add(texts, digest)
    return digest.hexdigest()[:16]


def _add(texts: Iterable[pd.Series | pd.Index], digest: "hashlib._Hash") -> None:
    for text in texts:
        digest.update(f"\x1d{text.name}\x1d".encode())
        digest.update("\x1e".join(map(str, text.tolist())).encode())


def _columns(items: pd.DataFrame) -> list[pd.Series]:
    return [items[column] for column in sorted(items.columns)]


def _check_reviews(name: str, source: DataSource, log: Log, preparation: Preparation) -> None:
    if "feature" in log.events and "review" not in log.events:
        raise BenchError(f"data set '{name}': the source has features and no reviews that they could be of")
    if preparation.review_seed is not None and "review" not in log.events:
        raise BenchError(
            f"data set '{name}': reviews: {preparation.reviews} splits reviews, and '{source.name}' reads none here"
        )


def _encode(name: str, log: Log) -> tuple[Events, pd.Index, pd.Index]:
    """Events by code, sorted by user and time, and the tokens behind the codes in their published order."""
    table = log.events
    if not len(table):
        raise BenchError(f"data set '{name}': the source has no interactions")
    for column in ("user", "item"):
        if table[column].isna().any():
            row = int(np.flatnonzero(table[column].isna())[0])
            raise BenchError(f"data set '{name}': interaction {row + 1} has no {column}")
    user_codes, user_tokens = pd.factorize(table["user"], sort=True)
    item_codes, item_tokens = pd.factorize(table["item"], sort=True)
    times = table["time"].to_numpy(dtype=np.int64) if "time" in table else None
    # lexsort and stable argsort keep the file's order where user and time are equal.
    order = np.argsort(user_codes, kind="stable") if times is None else np.lexsort((times, user_codes))
    events = Events(
        users=user_codes.astype(np.int32),
        items=item_codes.astype(np.int32),
        times=times,
        ratings=table["rating"].to_numpy(dtype=np.float32) if "rating" in table else None,
        reviews=table["review"].fillna("") if "review" in table else None,
        features=table["feature"].fillna("") if "feature" in table else None,
    )
    return events.keep(order), pd.Index(user_tokens, name="user"), pd.Index(item_tokens, name="token")


def _align_texts(name: str, texts: pd.DataFrame, tokens: pd.Index) -> pd.DataFrame:
    """One row of texts for each item token, '' where the source knows nothing."""
    if len(texts) and not tokens.isin(texts.index).any():
        raise BenchError(
            f"data set '{name}': none of the {len(texts):,} item texts belongs to an item with interactions "
            f"(texts are for items like {texts.index[:1].tolist()[0]!r}, "
            f"interactions have items like {tokens[:1].tolist()[0]!r})"
        )
    unique = texts[~texts.index.duplicated()]
    aligned = unique.reindex(tokens).reset_index(drop=True)
    for column in aligned.columns:
        if column == "title" or not pd.api.types.is_numeric_dtype(aligned[column]):
            known = aligned[column].astype("object")
            aligned[column] = known.where(known.notna(), "").astype("str")
    if "title" not in aligned:
        aligned["title"] = pd.Series([""] * len(tokens), dtype="str")
    aligned.insert(0, "token", tokens.astype("str"))
    return aligned
