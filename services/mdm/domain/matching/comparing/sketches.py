"""Sketches of texts: short vectors whose products tell how alike two texts are at most, for a fraction of the cost."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from services.mdm.domain.matching.columns.lists import Numbers
from services.mdm.domain.matching.comparing.comparisons import SAME, Rarity
from services.mdm.domain.matching.comparing.vectors import grams_of

_WIDTH = 96
_MIX = np.asarray((5, 19, 43))
"""Runs of the same characters in other places fall into other boxes."""
_AT_ONCE, _PAIRS_AT_ONCE = 1 << 16, 1 << 12
"""What of texts and of pairs stays in the processor's cache."""
_ROUNDING = 2
"""Thousandths that the arithmetic of short floating-point numbers is surely below."""


class Sketches:
    """Some texts. Their runs of three characters fall into boxes, each of which holds what its runs weigh together.

    By Cauchy's inequality the product of two boxes is not below the sum of the products of what both hold, whatever
    fell together. Neither is that of two texts, as far as neither is taken for longer than it is.
    """

    def __init__(self, texts: Sequence[str], rarity: Rarity) -> None:
        parts = [_sketched(texts[start : start + _AT_ONCE], rarity) for start in range(0, len(texts), _AT_ONCE)]
        self._boxes: npt.NDArray[np.float32] = np.concatenate(parts)

    def ceilings(self, ones: Numbers, others: Numbers) -> Numbers:
        """Return a similarity that each pair of different texts does not exceed, thousandths below 1000."""
        found = np.empty(len(ones), dtype=np.int64)
        for start in range(0, len(ones), _PAIRS_AT_ONCE):
            part = slice(start, start + _PAIRS_AT_ONCE)
            found[part] = np.vecdot(self._boxes[ones[part]], self._boxes[others[part]]) * np.float32(SAME)
        return np.minimum(found + _ROUNDING, SAME - 1)


def _sketched(texts: Sequence[str], rarity: Rarity) -> npt.NDArray[np.float32]:
    grams = grams_of(texts)
    box = _MIX @ grams.letters.astype(np.int64) % _WIDTH
    weights = grams.rarities(rarity)[grams.numbers].astype(np.float64)
    boxes = np.bincount(
        grams.owners * _WIDTH + box[grams.numbers], weights=weights, minlength=len(texts) * _WIDTH
    ).reshape(-1, _WIDTH)
    # A run that comes twice weighs twice as much, and its square four times: this is no more than the length.
    squares = np.bincount(grams.owners, weights=weights * weights, minlength=len(texts))
    return (boxes / np.sqrt(np.maximum(squares, 1))[:, None]).astype(np.float32)
