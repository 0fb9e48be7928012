"""A gauge: what the values of one attribute weigh under one model, with all that this takes at hand."""

from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property
from itertools import accumulate

from services.mdm.domain.matching.comparing.comparisons import (
    COMPARE,
    LEVELS,
    SAME,
    Ceilings,
    Likeness,
    Rarity,
    shared_rarity,
)
from services.mdm.domain.matching.declaration import Comparison
from services.mdm.domain.matching.standardising.profile import SEPARATOR, values_of


class Gauge:
    """Weighs pairs of standard values; `millibits` are the weights of the comparison's levels, the lowest first."""

    def __init__(
        self,
        comparison: Comparison,
        millibits: tuple[int, ...],
        usual_rarity: int,
        rarity_range: tuple[int, int],
        rarity: Rarity,
    ) -> None:
        self._comparison = comparison
        self._compare: Callable[[str, str, Rarity], Likeness] = COMPARE[comparison]
        self._levels = LEVELS[comparison]
        self._millibits = millibits
        self._usual = usual_rarity
        self._lowest, self._highest = rarity_range
        self._middles = [(low + high) // 2 for low, high in zip(self._levels, self._levels[1:], strict=False)]
        self.most = max(millibits) + max(0, self._highest)
        """What no pair outweighs."""
        self.rarity = rarity

    @cached_property
    def heaviest(self) -> list[int]:
        """What no pair outweighs whose similarity is not above so many thousandths."""
        rarest = max(0, self._highest)
        return list(accumulate((base + rarest if base > 0 else base for base in self._bases), max))

    @cached_property
    def _bases(self) -> list[int]:
        """What each similarity weighs, whatever the rarity of what is shared."""
        return list(map(self._base, range(SAME + 1)))

    def part(self, ours: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[int, int]:
        """Return the level and the weight of the heaviest pair of values."""
        weight, similarity = self._heaviest_pair(ours, theirs)
        return bisect_right(self._levels, similarity) - 1, weight

    def weight(self, ours: tuple[str, ...], theirs: tuple[str, ...]) -> int:
        """Return the weight of the heaviest pair of values."""
        return self._heaviest_pair(ours, theirs)[0]

    def _heaviest_pair(self, ours: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[int, int]:
        if len(ours) == len(theirs) == 1:
            return self._weighed(ours[0], theirs[0])
        return max([self._weighed(one, other) for one in ours for other in theirs])

    def weights_with(self, ours: tuple[str, ...]) -> Callable[[str], int]:
        """Return what weighs others' values, as one text each (`profile.said`), against these: `weight` of them."""
        if len(ours) > 1:
            return lambda text: self.weight(ours, values_of(text))
        (one,) = ours
        same, compare, rarity, bases = self._weighed(one, one)[0], self._compare, self.rarity, self._bases

        def weight(text: str) -> int:
            if text == one:
                return same
            if SEPARATOR in text:
                return self.weight(ours, values_of(text))
            similarity, shared = compare(one, text, rarity)
            base = bases[similarity]
            return base + self._beyond(shared) if shared and base > 0 else base

        return weight

    def ceilings_with(self, ours: tuple[str, ...]) -> Callable[[str], int]:
        """Return what tells a weight that such a text surely does not exceed, for a fraction of the cost.

        So it is where texts have little in common.
        """
        heaviest = self.heaviest
        texts = [Ceilings(one, self.rarity) for one in ours]
        if len(ours) > 1:
            return lambda text: heaviest[max([one.most_alike(other) for one in texts for other in values_of(text)])]
        most_alike = texts[0].most_alike
        return lambda text: heaviest[max(map(most_alike, values_of(text))) if SEPARATOR in text else most_alike(text)]

    def _weighed(self, one: str, other: str) -> tuple[int, int]:
        if one == other:
            similarity, shared = SAME, shared_rarity(self._comparison, one, self.rarity)
        else:
            similarity, shared = self._compare(one, other, self.rarity)
        base = self._bases[similarity]
        if shared and base > 0:
            base += self._beyond(shared)
        return base, similarity

    def _beyond(self, shared: int) -> int:
        """Return how far the rarity of what two share moves the weight."""
        return min(self._highest, max(self._lowest, shared - self._usual))

    def _base(self, similarity: int) -> int:
        """Return the weight of a similarity: that of its level, for texts in between the levels' middles too."""
        place = bisect_right(self._levels, similarity) - 1
        if self._comparison is not Comparison.TEXT or similarity >= SAME:
            return self._millibits[place]
        upper = bisect_right(self._middles, similarity)
        if not upper or upper == len(self._middles):
            return self._millibits[place]
        low, high = self._middles[upper - 1], self._middles[upper]
        below, above = self._millibits[upper - 1], self._millibits[upper]
        return below + (above - below) * (similarity - low) // (high - low)
