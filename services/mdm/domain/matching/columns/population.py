"""Many profiles in columns: what bulk matching and the estimation of weights work on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.mdm.domain.matching.columns.hashing import hashed_in_bulk
from services.mdm.domain.matching.columns.lists import Lists, Numbers, starts_of
from services.mdm.domain.matching.columns.numbering import ascending, once
from services.mdm.domain.matching.standardising.profile import Profile

_PAIRS_PER_RECORD, _ALWAYS_BORNE = 20, 1_250_000
"""So many pairs are borne, those counted again that share several keys; a small population's always."""


@dataclass(frozen=True)
class Column:
    """The values of one attribute: of record r those from `starts[r]` to `starts[r + 1]`, as places in `vocabulary`."""

    vocabulary: tuple[str, ...]
    values: Numbers
    starts: Numbers

    def counts(self) -> Numbers:
        """Return how many values each record has."""
        return np.diff(self.starts)


@dataclass(frozen=True)
class Population:
    """Profiles of one record type, in columns. `sides` tells apart the systems without duplicates; -1 = any other."""

    profiles: Sequence[Profile]
    columns: tuple[Column, ...]
    sides: Numbers
    marks: Numbers
    """A number of each record that is its own whoever else is there: the hash of its name."""

    def __len__(self) -> int:
        """Return how many records there are."""
        return len(self.profiles)


def population(
    profiles: Sequence[Profile], sides: Sequence[int] | None = None, names: Sequence[str] | None = None
) -> Population:
    """Return the profiles in columns. Two records of one side (0 or above) are never a pair.

    Without `names` records are told apart by their places.
    """
    width = len(profiles[0].values) if profiles else 0
    columns = tuple(_column([profile.values[place] for profile in profiles]) for place in range(width))
    of = np.full(len(profiles), -1) if sides is None else np.asarray(sides)
    marks = np.arange(len(profiles)) if names is None else hashed_in_bulk(names)
    return Population(profiles, columns, of.astype(np.int64), marks)


def _column(values: Sequence[tuple[str, ...]]) -> Column:
    places: dict[str, int] = {}
    found = [places.setdefault(value, len(places)) for of in values for value in of]
    starts = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum([len(of) for of in values], out=starts[1:])
    return Column(tuple(places), np.asarray(found, dtype=np.int64), starts)


@dataclass(frozen=True)
class Pairs:
    """Pairs of records by place, `one` < `other`, ascending, each once."""

    one: Numbers
    other: Numbers

    def __len__(self) -> int:
        """Return how many pairs there are."""
        return len(self.one)


def candidates(keys: Lists, sides: Numbers, *, cap: int) -> Pairs:
    """Return the pairs of records that share a key which at most `cap` records hold; a record's `keys` are distinct.

    In a large population fewer: the rarest keys come first, until there are as many pairs as the population can bear.
    """
    held = holders(keys, cap=cap)
    return pairs_within(held, sides, most=most_holders(held.sizes(), len(keys), cap=cap))


def holders(keys: Lists, *, cap: int, part: tuple[int, int] = (0, 1)) -> Lists:
    """Return of each key that several records hold, `cap` at most, which these are; a record's `keys` are distinct.

    Of several parts of all keys (which one, of how many) each has its own: together they are what the whole gives.
    """
    flat, records = keys.flat, keys.owners()
    if part[1] > 1:
        own = np.flatnonzero(_part_of(flat, part[1]) == part[0])
        flat, records = flat[own], records[own]
    order = np.argsort(flat)
    edges = _edges(flat[order])
    sizes = np.diff(edges)
    several = (sizes > 1) & (sizes <= cap)
    return Lists(records[order[np.repeat(several, sizes)]], starts_of(sizes[several]))


def _part_of(keys: Numbers, parts: int) -> npt.NDArray[np.uint64]:
    """Return which part each key is in."""
    return (keys.view(np.uint64) >> np.uint64(32)) * np.uint64(parts) >> np.uint64(32)


def pairs_within(held: Lists, sides: Numbers, *, most: int) -> Pairs:
    """Return the pairs of records that hold a key together; `held` tells who holds each, and `most` may."""
    sizes = held.sizes()
    keep = sizes <= most
    return _distinct(_within_runs(held.flat, held.starts[:-1][keep], sizes[keep]), len(sides), sides)


def united(parts: Sequence[Pairs], size: int) -> Pairs:
    """Return the pairs of so many records that are in any part."""
    # Sorting that keeps what is in order only has to merge.
    return _pairs(once(np.sort(np.concatenate([part.one * size + part.other for part in parts]), kind="stable")), size)


def _edges(ordered: Numbers) -> Numbers:
    """Return where runs of equal numbers begin, and where the last one ends."""
    if not len(ordered):
        return np.zeros(1, dtype=np.int64)
    return np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1], [True])))


def most_holders(sizes: Numbers, records: int, *, cap: int) -> int:
    """Return how many records may hold a key at most, so that the pairs stay in proportion to the records.

    `sizes` tells how many hold each key; more than `cap` never may.
    """
    pairs = np.bincount(sizes) * np.arange(int(sizes.max(initial=0)) + 1)
    pairs = np.cumsum(pairs * (np.arange(len(pairs)) - 1) // 2)
    borne = int(np.searchsorted(pairs, max(_ALWAYS_BORNE, _PAIRS_PER_RECORD * records), side="right")) - 1
    return cap if borne == len(pairs) - 1 else min(cap, borne)


def _within_runs(records: Numbers, starts: Numbers, sizes: Numbers) -> tuple[Numbers, Numbers]:
    """Return all pairs within each run of records."""
    ones, others = [], []
    for size in np.unique(sizes):
        first, second = np.triu_indices(size, 1)
        begin = starts[sizes == size][:, None]
        ones.append(records[begin + first].ravel())
        others.append(records[begin + second].ravel())
    none = np.zeros(0, dtype=np.int64)
    return (np.concatenate(ones), np.concatenate(others)) if ones else (none, none)


def _distinct(found: tuple[Numbers, Numbers], size: int, sides: Numbers) -> Pairs:
    one, other = np.minimum(*found), np.maximum(*found)
    allowed = (one != other) & ((sides[one] < 0) | (sides[one] != sides[other]))
    return _pairs(ascending(one[allowed] * size + other[allowed]), size)


def _pairs(combined: Numbers, size: int) -> Pairs:
    one = combined // max(size, 1)
    return Pairs(one, combined - one * size)


def common(keys: Lists, *, cap: int) -> frozenset[int]:
    """Return the keys that more than `cap` records hold; in a large population fewer, as `most_holders` tells.

    The keys of a record are distinct.
    """
    ordered = np.sort(keys.flat)
    edges = _edges(ordered)
    sizes = np.diff(edges)
    return frozenset(ordered[edges[:-1][sizes > most_holders(sizes, len(keys), cap=cap)]].tolist())


def random_pairs(population: Population, number: int) -> Pairs:
    """Return about so many pairs that could be candidates, spread evenly: the same for the same population."""
    size = np.uint64(len(population))
    drawn = (scattered(np.arange(2 * number, dtype=np.uint64)) % size).astype(np.int64).reshape(2, -1)
    return _distinct((drawn[0], drawn[1]), len(population), population.sides)


def scattered(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return numbers that look random: the finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    mixed = numbers + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
