"""Typing errors between many pairs of texts at once."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import OSA
from rapidfuzz.process import cpdist

from services.mdm.domain.matching.columns.lists import Numbers

_KINDS, _TIMES = 16, 4
"""Characters are counted by so many kinds, each so often at most: 64 bits."""


class Typos:
    """Some texts, and how often each has characters of each kind.

    An error moves two of these counts by one at most. Most pairs differ in more, and need no closer look.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self.lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        letters = np.frombuffer("".join(texts).encode("utf-32-le"), dtype=np.uint32)
        of = np.repeat(np.arange(len(texts)), self.lengths)
        times = np.bincount(of * _KINDS + letters % _KINDS, minlength=len(texts) * _KINDS).reshape(-1, _KINDS)
        bits = (np.uint64(1) << np.minimum(times, _TIMES).astype(np.uint64)) - np.uint64(1)
        self._counted: npt.NDArray[np.uint64] = np.bitwise_or.reduce(
            bits << (np.arange(_KINDS, dtype=np.uint64) * np.uint64(_TIMES)), axis=1
        )

    def between(self, ones: Numbers, others: Numbers, most: int) -> Numbers:
        """Return how many errors lie between the texts of each pair; `most` + 1 = more."""
        found = np.full(len(ones), most + 1, dtype=np.int64)
        near = np.flatnonzero(np.bitwise_count(self._counted[ones] ^ self._counted[others]) <= 2 * most)
        first, second = ([self._texts[place] for place in of[near].tolist()] for of in (ones, others))
        found[near] = cpdist(first, second, scorer=OSA.distance, score_cutoff=most, dtype=np.int32)
        return found
