"""Features of many texts of one attribute: the hashes that go into block keys, as `keys` finds them text by text."""

from collections.abc import Callable, Sequence, Sized
from functools import cached_property
from itertools import chain

import numpy as np
import numpy.typing as npt

from services.mdm.domain.matching.blocking.keys import GRAM, MOST_PAIRED, OF_VALUE
from services.mdm.domain.matching.blocking.sounds import sound
from services.mdm.domain.matching.columns.hashing import hashed_in_bulk
from services.mdm.domain.matching.columns.lists import Lists, Numbers, lists, starts_of
from services.mdm.domain.matching.columns.numbering import ascending, numbered
from services.mdm.domain.matching.columns.tokens import tokens_of
from services.mdm.domain.matching.comparing.comparisons import Rarity
from services.mdm.domain.matching.comparing.vectors import spelling
from services.mdm.domain.matching.declaration import Feature


class Features:
    """What of some texts goes into block keys: each token, pair of tokens and run of characters is hashed once."""

    def __init__(self, texts: Sequence[str], rarity: Rarity) -> None:
        self._texts = texts
        self._rarity = rarity

    def of(self, feature: Feature, limit: int) -> Lists:
        """Return of each text the hashes of a feature, the rarest first, each once, at most `limit`."""
        at_once: dict[Feature, Callable[[int], Lists]] = {
            Feature.TOKENS: self._rarest_tokens,
            Feature.SOUNDS: self._sounds,
            Feature.PAIRS: self._pairs,
            Feature.SHINGLES: self._shingles,
            Feature.GRAMS: self._grams,
        }
        if feature in at_once:
            return at_once[feature](limit)
        of_value = OF_VALUE[feature]
        found = [list(of_value(text, self._rarity))[:limit] for text in self._texts]
        return Lists(hashed_in_bulk(list(chain.from_iterable(found))), starts_of(_lengths(found)))

    @cached_property
    def _tokens(self) -> tuple[list[str], Lists]:
        return tokens_of(self._texts)

    @cached_property
    def _rare(self) -> Numbers:
        tokens, _ = self._tokens
        return np.fromiter(map(self._rarity, tokens), np.int64, len(tokens))

    @cached_property
    def _rarest(self) -> Lists:
        """The places of each text's tokens, each once, the rarest first."""
        tokens, of = self._tokens
        return _ranked(of, np.lexsort((-_lengths(tokens), -self._rare)))

    def _rarest_tokens(self, limit: int) -> Lists:
        found = self._rarest.firsts(limit)
        return Lists(hashed_in_bulk(self._tokens[0])[found.flat], found.starts)

    def _sounds(self, limit: int) -> Lists:
        tokens, found = self._tokens[0], self._rarest
        heard = np.fromiter((not token.isdecimal() for token in tokens), np.bool_, len(tokens))[found.flat]
        words = lists(found.owners()[heard], found.flat[heard], len(found))
        hashes = hashed_in_bulk([sound(token) for token in tokens])
        return Lists(hashes[words.flat], words.starts).distinct().firsts(limit)

    def _pairs(self, limit: int) -> Lists:
        """Pair each text's rarest tokens; those with as many tokens are paired at once."""
        found = self._rarest.firsts(MOST_PAIRED)
        sizes, owners, pairs = found.sizes(), [], []
        for size in range(2, MOST_PAIRED + 1):
            rows = np.flatnonzero(sizes == size)
            ones, others = (found.flat[found.starts[rows][:, None] + of[:limit]] for of in np.triu_indices(size, 1))
            owners.append(np.repeat(rows, ones.shape[1]))
            pairs.append((np.minimum(ones, others) * self._count + np.maximum(ones, others)).ravel())
        order = np.argsort(np.concatenate(owners), kind="stable")
        return self._hashed_pairs(lists(np.concatenate(owners)[order], np.concatenate(pairs)[order], len(found)))

    def _shingles(self, limit: int) -> Lists:
        _, of = self._tokens
        owners = of.owners()
        follows = np.flatnonzero(np.diff(owners) == 0)
        pairs, places = numbered(of.flat[follows] * self._count + of.flat[follows + 1])
        ones, others = (self._rare[each] for each in np.divmod(pairs, self._count))
        rarity = 2 * np.maximum(ones, others) + ones + others
        found = _ranked(lists(owners[follows], places, len(of)), np.argsort(-rarity, kind="stable")).firsts(limit)
        return self._hashed_pairs(Lists(pairs[found.flat], found.starts))

    @property
    def _count(self) -> int:
        return max(1, len(self._tokens[0]))

    def _hashed_pairs(self, pairs: Lists) -> Lists:
        """Return the hashes of pairs of tokens, of which each is two places in one number."""
        tokens, _ = self._tokens
        distinct, places = numbered(pairs.flat)
        ones, others = np.divmod(distinct, self._count)
        texts = [f"{tokens[one]} {tokens[other]}" for one, other in zip(ones.tolist(), others.tolist(), strict=True)]
        return Lists(hashed_in_bulk(texts)[places], pairs.starts)

    def _grams(self, limit: int) -> Lists:
        """Find the runs of characters, numbered two by two: places of runs are in the order of the texts they are."""
        # What is shorter than a run is filled up; numpy drops the filling when it makes texts.
        bare = [text.replace(" ", "").ljust(GRAM, "\0") for text in self._texts]
        starts = starts_of(_lengths(bare))
        letters = np.frombuffer("".join(bare).encode("utf-32-le"), dtype=np.uint32).astype(np.int64)
        alphabet, coded = numbered(letters)
        two, pairs = numbered(coded[:-1] * len(alphabet) + coded[1:])
        begins = np.ones(len(letters), dtype=np.bool_)
        begins[(starts[1:, None] - np.arange(1, GRAM)).ravel()] = False
        at = np.flatnonzero(begins)
        grams, places = numbered(pairs[at] * len(two) + pairs[at + 2])
        pairs_spelt = np.stack(np.divmod(two, len(alphabet)))
        spelt = alphabet[np.concatenate([pairs_spelt[:, each] for each in np.divmod(grams, len(two))])].astype(
            np.uint32
        )
        rare = self._rarities(spelt[:3]) + self._rarities(spelt[1:])
        owners = np.repeat(np.arange(len(bare)), np.diff(starts) - GRAM + 1)
        found = _ranked(lists(owners, places, len(bare)), np.argsort(-rare, kind="stable")).firsts(limit)
        kept, back = numbered(found.flat)
        return Lists(hashed_in_bulk(spelling(spelt[:, kept]))[back], found.starts)

    def _rarities(self, letters: npt.NDArray[np.uint32]) -> Numbers:
        """Return how rare runs of three characters are."""
        return np.fromiter((self._rarity(f"#{run}") for run in spelling(letters)), np.int64, letters.shape[1])


def _ranked(of: Lists, order: Numbers) -> Lists:
    """Return the lists with each number once, in the order that `order` tells: which comes first of all, which next."""
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    owners, ranks = np.divmod(ascending(of.owners() * len(order) + rank[of.flat]), max(1, len(order)))
    return lists(owners, order[ranks], len(of))


def _lengths(of: Sequence[Sized]) -> Numbers:
    return np.fromiter(map(len, of), np.int64, len(of))
