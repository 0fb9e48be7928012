"""The tokens of many texts, each distinct one once."""

from collections.abc import Sequence
from itertools import chain

import numpy as np

from services.mdm.domain.matching.columns.lists import Lists, starts_of


def tokens_of(texts: Sequence[str]) -> tuple[list[str], Lists]:
    """Return the distinct tokens, ascending, and those of each text by their places, as they follow one another."""
    held = [text.split() for text in texts]
    flat = list(chain.from_iterable(held))
    tokens = sorted(set(flat))
    places = {token: place for place, token in enumerate(tokens)}
    of = np.fromiter(map(places.__getitem__, flat), np.int64, len(flat))
    return tokens, Lists(of, starts_of(np.fromiter(map(len, held), np.int64, len(held))))
