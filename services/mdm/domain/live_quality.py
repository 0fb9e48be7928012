"""How good automatic links are, as far as stewards' decisions show: shares with confidence intervals.

Intervals are Wilson's (E. B. Wilson, Probable Inference, 1927): they stay within 0 and 1 and mean something for few
decisions, too.
"""

from collections import defaultdict
from collections.abc import Iterable
from math import sqrt
from typing import NamedTuple

Z_95 = 1.959963984540054
"""Two-sided 95 %."""
Z_97_5 = 2.241402727604945
"""Two-sided 97.5 %: two such intervals hold together in 95 % of cases (Bonferroni)."""


BAND_MILLIBITS = 2000
"""How wide a band of scores is: a factor of four in the odds."""


class Interval(NamedTuple):
    """A share with its confidence interval; without decisions it may be anything."""

    share: float | None
    low: float
    high: float


class Count(NamedTuple):
    """So many of so many."""

    right: int
    total: int


def wilson(count: Count, z: float = Z_95) -> Interval:
    """Return a share with Wilson's interval. Raises ValueError for more right ones than there are."""
    right, total = count
    if not 0 <= right <= total:
        raise ValueError(f"{right} of {total}")
    if not total:
        return Interval(None, 0.0, 1.0)
    share, squared = right / total, z * z
    centre = (share + squared / (2 * total)) / (1 + squared / total)
    half = z / (1 + squared / total) * sqrt(share * (1 - share) / total + squared / (4 * total * total))
    # At the edges the interval ends there exactly; what is left over is rounding.
    low = 0.0 if right == 0 else max(0.0, centre - half)
    high = 1.0 if right == total else min(1.0, centre + half)
    return Interval(share, low, high)


def recall(links: int, audited: Count, waiting: int, reviewed: Count) -> Interval:
    """Return the share of the pairs that are one thing, at or above the review cut, that is linked automatically.

    Of `links` automatic links as many are right as `audited` shows, of `waiting` candidates (decided and open ones) as
    many are one thing as `reviewed` shows. What lies below the review cut is not counted: nobody looks at it.
    """
    right, missed = wilson(audited, Z_97_5), wilson(reviewed, Z_97_5)
    share = None
    if right.share is not None and (missed.share is not None or not waiting):
        share = _ratio(links * right.share, waiting * (missed.share or 0))
    if not links and not waiting:
        return Interval(None, 0.0, 1.0)
    low = _ratio(links * right.low, waiting * missed.high)
    high = _ratio(links * right.high, waiting * missed.low)
    return Interval(share, 0.0 if low is None else low, 1.0 if high is None else high)


class Band(NamedTuple):
    """Pairs that score from `low` on and below `high`, millibits: how many are one thing."""

    low: int
    high: int
    same: Count


def bands(decided: Iterable[tuple[int, bool]], width: int = BAND_MILLIBITS) -> list[Band]:
    """Return what was decided on pairs, given as score and whether they are one thing, by bands of scores."""
    found: defaultdict[int, list[bool]] = defaultdict(list)
    for millibits, same in decided:
        found[millibits // width].append(same)
    return [
        Band(place * width, (place + 1) * width, Count(sum(same), len(same))) for place, same in sorted(found.items())
    ]


def is_broken(promised: float, found: Interval) -> bool:
    """Tell whether decisions show that a promise is not kept: the whole interval lies below it."""
    return found.high < promised


def _ratio(linked: float, missed: float) -> float | None:
    return linked / (linked + missed) if linked + missed else None
