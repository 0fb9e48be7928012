"""Many lists of numbers in a row, and what is done with all of them at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Lists:
    """List n holds the numbers from `starts[n]` to `starts[n + 1]` of `flat`."""

    flat: Numbers
    starts: Numbers

    def __len__(self) -> int:
        """Return how many lists there are."""
        return len(self.starts) - 1

    def sizes(self) -> Numbers:
        """Return how many numbers each list holds."""
        return np.diff(self.starts)

    def owners(self) -> Numbers:
        """Return for each number which list it is in."""
        return np.repeat(np.arange(len(self)), self.sizes())

    def picked(self, places: Numbers) -> "Lists":
        """Return the lists at these places, in this order; one may come several times."""
        return self._cut(self.starts[places], self.sizes()[places])

    def joined(self, starts: Numbers) -> "Lists":
        """Return longer lists: the new list n is the old ones from `starts[n]` to `starts[n + 1]`, in a row."""
        return Lists(self.flat, self.starts[starts])

    def firsts(self, limit: int) -> "Lists":
        """Return the lists with their first numbers only, at most `limit` of each."""
        sizes = self.sizes()
        return self._cut(self.starts[:-1], np.minimum(sizes, limit)) if sizes.max(initial=0) > limit else self

    def distinct(self) -> "Lists":
        """Return the lists with each number once, where it comes first."""
        if self.sizes().max(initial=0) <= 1:
            return self
        owners = self.owners()
        order = np.lexsort((self.flat, owners))
        again = (np.diff(self.flat[order]) == 0) & (np.diff(owners[order]) == 0)
        fresh = np.ones(len(owners), dtype=np.bool_)
        fresh[order[1:][again]] = False
        return lists(owners[fresh], self.flat[fresh], len(self))

    def _cut(self, begins: Numbers, sizes: Numbers) -> "Lists":
        starts = starts_of(sizes)
        at = np.arange(starts[-1]) + np.repeat(begins - starts[:-1], sizes)
        return Lists(self.flat[at], starts)


def lists(owners: Numbers, flat: Numbers, count: int) -> Lists:
    """Return so many lists of numbers; `owners`, ascending, tells which list each is in."""
    return Lists(flat, starts_of(np.bincount(owners, minlength=count)))


def nothing() -> Lists:
    """Return no list at all."""
    return Lists(np.zeros(0, dtype=np.int64), np.zeros(1, dtype=np.int64))


def in_a_row(parts: Sequence[Lists]) -> Lists:
    """Return all lists: those of the first part, then those of the second, and so on."""
    sizes = np.concatenate([part.sizes() for part in parts])
    return Lists(np.concatenate([part.flat for part in parts]), starts_of(sizes))


def side_by_side(parts: Sequence[Lists]) -> Lists:
    """Return as many lists as each part has: list n is that of the first part, then that of the second, and so on."""
    starts = starts_of(np.sum([part.sizes() for part in parts], axis=0))
    flat = np.empty(starts[-1], dtype=np.int64)
    begins = starts[:-1].copy()
    for part in parts:
        sizes = part.sizes()
        flat[np.arange(len(part.flat)) + np.repeat(begins - part.starts[:-1], sizes)] = part.flat
        begins += sizes
    return Lists(flat, starts)


def products(ones: Lists, others: Lists, limit: int) -> tuple[Numbers, Numbers, Numbers]:
    """Return each list's pairs of a number of the one and one of the other, at most `limit`: ones, others, starts."""
    across = others.sizes()
    starts = starts_of(np.minimum(ones.sizes() * across, limit))
    sizes = np.diff(starts)
    within = np.arange(starts[-1]) - np.repeat(starts[:-1], sizes)
    rows, columns = np.divmod(within, np.repeat(across, sizes))
    first, second = (np.repeat(each.starts[:-1], sizes) for each in (ones, others))
    return ones.flat[first + rows], others.flat[second + columns], starts


def starts_of(sizes: Numbers) -> Numbers:
    """Return where lists of these sizes begin, and where the last one ends."""
    starts = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=starts[1:])
    return starts
