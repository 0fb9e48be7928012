"""Texts as sparse vectors: how alike many pairs of them are, the same numbers as `comparisons` gives one by one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.mdm.domain.matching.comparisons import SAME, Rarity, similarity_of_vectors

Numbers = npt.NDArray[np.int64]
_TABLE = 1 << 24
_DENSE = 1 << 22
_DOUBT = 1e-4


@dataclass(frozen=True)
class Vectors:
    """Of text t the features from `starts[t]` to `starts[t + 1]`, ascending, with what each weighs."""

    starts: Numbers
    features: npt.NDArray[np.int32]
    weights: Numbers
    width: int
    """How many features there are."""

    def spread(self, texts: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """Return for all features of the texts: which text of those given, the feature, its weight."""
        sizes = self.starts[texts + 1] - self.starts[texts]
        of = np.repeat(np.arange(len(texts)), sizes)
        at = np.arange(len(of)) + np.repeat(self.starts[texts] - (np.cumsum(sizes) - sizes), sizes)
        return of, self.features[at].astype(np.int64), self.weights[at]

    def products(self, ones: Numbers, others: Numbers) -> Numbers:
        """Return the scalar product of each pair of texts; `ones` ascending."""
        found = np.zeros(len(ones), dtype=np.int64)
        for part in _blocks(ones, max(1, _DENSE // self.width)):
            rows, row = np.unique(ones[part], return_inverse=True)
            dense = np.zeros((len(rows), self.width), dtype=np.int64)
            of, features, weights = self.spread(rows)
            dense[of, features] = weights
            of, features, weights = self.spread(others[part])
            across = dense[row[of], features] * weights
            found[part] = np.bincount(of, weights=across, minlength=len(row)).astype(np.int64)
        return found


def _blocks(ascending: Numbers, most: int) -> Iterator[slice]:
    """Give the slices of an ascending array that hold at most so many different numbers."""
    first = np.flatnonzero(np.concatenate(([True], ascending[1:] != ascending[:-1])))[::most]
    for start, end in zip(first, [*first[1:], len(ascending)], strict=True):
        yield slice(int(start), int(end))


def gram_vectors(texts: Sequence[str], rarity: Rarity) -> Vectors:
    """Return the runs of three characters of each text, each as heavy as it is rare, times how often it comes."""
    letters = np.frombuffer("".join(f"  {text} " for text in texts).encode("utf-32-le"), dtype=np.uint32)
    alphabet, coded = _numbered(letters.astype(np.int64), int(letters.max(initial=0)) + 1)
    size = len(alphabet)
    sizes = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + 1
    of = np.repeat(np.arange(len(texts)), sizes)
    at = np.arange(len(of)) + 2 * of
    grams, numbers = _numbered((coded[at] * size + coded[at + 1]) * size + coded[at + 2], size**3)
    names = (
        f"#{''.join(chr(alphabet[place]) for place in (gram // size // size, gram // size % size, gram % size))}"
        for gram in grams.tolist()
    )
    rare = np.fromiter(map(rarity, names), dtype=np.int64, count=len(grams))
    held = np.sort(of * len(grams) + numbers)
    first = np.flatnonzero(np.concatenate(([True], held[1:] != held[:-1])))
    times = np.diff(np.append(first, len(held)))
    owners, features = np.divmod(held[first], len(grams))
    starts = np.searchsorted(owners, np.arange(len(texts) + 1))
    return Vectors(starts, features.astype(np.int32), rare[features] * times, len(grams))


def _numbered(values: Numbers, below: int) -> tuple[Numbers, Numbers]:
    """Return the distinct values, ascending, and for each value its place among them."""
    if below > _TABLE:
        distinct, places = np.unique(values, return_inverse=True)
        return distinct, places
    table = np.zeros(below, dtype=np.int64)
    table[values] = 1
    distinct = np.flatnonzero(table)
    table[distinct] = np.arange(len(distinct))
    return distinct, table[values]


@dataclass(frozen=True)
class Texts:
    """The texts of a column, ready to be compared."""

    grams: Vectors
    squares: Numbers
    """Of each text the sum of the squares of its weights."""
    words: Numbers
    """Text and word of it, as one number, ascending."""
    rare: Numbers
    """How rare each word is, millibits."""
    word_starts: Numbers

    def similarity(self, ones: Numbers, others: Numbers) -> Numbers:
        """Return the cosine of each pair of different texts, thousandths below 1000, rounded down; `ones` ascending."""
        across = self.grams.products(ones, others)
        lengths = np.sqrt(self.squares[ones].astype(np.float64)) * np.sqrt(self.squares[others].astype(np.float64))
        exact = SAME * across / np.maximum(lengths, 1)
        found = np.floor(exact).astype(np.int64)
        # Where rounding might go either way whole numbers decide, as they do one by one.
        for place in np.flatnonzero(np.abs(exact - np.rint(exact)) < _DOUBT).tolist():
            product = int(self.squares[ones[place]]) * int(self.squares[others[place]])
            found[place] = similarity_of_vectors(int(across[place]), product)
        below_same: Numbers = np.minimum(found, SAME - 1)
        return below_same

    def shared(self, ones: Numbers, others: Numbers) -> Numbers:
        """Return how rare the words are, together, that the texts of each pair share, millibits."""
        sizes = self.word_starts[ones + 1] - self.word_starts[ones]
        of = np.repeat(np.arange(len(ones)), sizes)
        at = np.arange(len(of)) + np.repeat(self.word_starts[ones] - (np.cumsum(sizes) - sizes), sizes)
        word = self.words[at] % len(self.rare)
        wanted = others[of] * len(self.rare) + word
        place = np.minimum(np.searchsorted(self.words, wanted), len(self.words) - 1)
        found = np.where(self.words[place] == wanted, self.rare[word], 0)
        return np.bincount(of, weights=found, minlength=len(ones)).astype(np.int64)


def prepared(texts: Sequence[str], rarity: Rarity) -> Texts:
    """Return the texts of a column, ready to be compared."""
    grams = gram_vectors(texts, rarity)
    squares = np.add.reduceat(grams.weights * grams.weights, grams.starts[:-1])
    numbers: dict[str, int] = {}
    held = [[numbers.setdefault(word, len(numbers)) for word in set(text.split())] for text in texts]
    sizes = np.fromiter(map(len, held), dtype=np.int64, count=len(held))
    starts = np.concatenate(([0], np.cumsum(sizes)))
    flat = np.fromiter((word for of in held for word in of), dtype=np.int64, count=int(starts[-1]))
    rare = np.fromiter(map(rarity, numbers), dtype=np.int64, count=len(numbers))
    words = np.sort(np.repeat(np.arange(len(texts)), sizes) * len(rare) + flat)
    return Texts(grams, squares, words, rare, starts)
