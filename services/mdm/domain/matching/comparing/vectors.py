"""Texts as sparse vectors: how alike many pairs of them are, the same numbers as `comparisons` gives one by one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from services.mdm.domain.matching.columns.lists import Numbers, starts_of
from services.mdm.domain.matching.columns.numbering import ascending, numbered
from services.mdm.domain.matching.columns.tokens import tokens_of
from services.mdm.domain.matching.comparing.comparisons import SAME, Rarity, similarity_of_vectors

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


class Grams(NamedTuple):
    """The runs of three characters of some texts."""

    owners: Numbers
    """For each run which text it is of, ascending."""
    numbers: Numbers
    """For each run which of the distinct ones it is."""
    letters: npt.NDArray[np.uint32]
    """The distinct runs' characters: three rows."""

    def tokens(self) -> list[str]:
        """Return the distinct runs as `comparisons.trigrams` has them: behind a `#`."""
        return [f"#{run}" for run in spelling(self.letters)]

    def rarities(self, rarity: Rarity) -> Numbers:
        """Return how rare each distinct run is, millibits."""
        return np.fromiter(map(rarity, self.tokens()), np.int64, self.letters.shape[1])


def grams_of(texts: Sequence[str]) -> Grams:
    """Return the runs of three characters of some texts."""
    letters = np.frombuffer("".join(f"  {text} " for text in texts).encode("utf-32-le"), dtype=np.uint32)
    alphabet, coded = numbered(letters.astype(np.int64))
    size = len(alphabet)
    sizes = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + 1
    owners = np.repeat(np.arange(len(texts)), sizes)
    at = np.arange(len(owners)) + 2 * owners
    distinct, numbers = numbered((coded[at] * size + coded[at + 1]) * size + coded[at + 2])
    spelt = alphabet[np.stack([distinct // size // size, distinct // size % size, distinct % size])].astype(np.uint32)
    return Grams(owners, numbers, spelt)


def spelling(letters: npt.NDArray[np.uint32]) -> list[str]:
    """Return the texts that columns of characters are; NULs at their ends fall away."""
    texts: list[str] = np.ascontiguousarray(letters.T).view(f"<U{len(letters)}").ravel().tolist()
    return texts


def gram_vectors(texts: Sequence[str], rarity: Rarity) -> Vectors:
    """Return the runs of three characters of each text, each as heavy as it is rare, times how often it comes."""
    grams = grams_of(texts)
    rare = grams.rarities(rarity)
    width = len(rare)
    held = np.sort(grams.owners * width + grams.numbers)
    first = np.flatnonzero(np.concatenate(([True], held[1:] != held[:-1])))
    times = np.diff(np.append(first, len(held)))
    owners, features = np.divmod(held[first], width)
    starts = np.searchsorted(owners, np.arange(len(texts) + 1))
    return Vectors(starts, features.astype(np.int32), rare[features] * times, width)


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

    def compared(self, ones: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        """Return how alike the texts of each pair are and what they share, as `Likeness` has it; `ones` ascending."""
        return self.similarity(ones, others), self.shared(ones, others)

    def similarity(self, ones: Numbers, others: Numbers) -> Numbers:
        """Return the cosine of each pair of different texts, thousandths below 1000, rounded down; `ones` ascending."""
        across = self.grams.products(ones, others)
        lengths = np.sqrt(self.squares[ones].astype(np.float64)) * np.sqrt(self.squares[others].astype(np.float64))
        exact = SAME * across / np.maximum(lengths, 1)
        found = np.floor(exact).astype(np.int64)
        # Where rounding might go either way whole numbers decide, as they do one by one.
        for place in np.flatnonzero((np.abs(exact - np.rint(exact)) < _DOUBT) & (across > 0)).tolist():
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
    tokens, of = tokens_of(texts)
    rare = np.fromiter(map(rarity, tokens), dtype=np.int64, count=len(tokens))
    words = ascending(of.owners() * len(tokens) + of.flat)
    sizes = np.bincount(words // max(1, len(tokens)), minlength=len(texts))
    return Texts(grams, squares, words, rare, starts_of(sizes))
