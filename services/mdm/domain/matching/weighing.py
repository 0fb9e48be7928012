"""One profile weighed against many: the same scores as one by one, given up where they can't reach a cut any more."""

from collections.abc import Callable, Iterator
from itertools import compress
from operator import itemgetter
from typing import NamedTuple

from services.mdm.domain.matching.comparisons import DEAR
from services.mdm.domain.matching.declaration import Comparison
from services.mdm.domain.matching.model import DISCOUNT, MatchModel, Score
from services.mdm.domain.matching.profile import Profile, said

Weight = Callable[[str], int]
"""What an attribute weighs, or is sure not to exceed, by what the other says of it; millibits."""


class _Step(NamedTuple):
    """An attribute that is compared, or what its texts weigh at most."""

    place: int
    most: int
    """What was taken for it before."""
    share: int
    """What its weight is divided by."""
    weight: Weight
    cost: int
    """How long it takes, roughly, beside the others; 0 = so long that it comes last."""

    @property
    def turn(self) -> tuple[bool, float]:
        """What may lose most in the shortest time comes first."""
        return not self.cost, -self.most / (self.cost or 1)


class _Plan(NamedTuple):
    """What others weigh at most who say something of the same attributes, and what tells attribute by attribute."""

    most: int
    steps: list[_Step]


class Weighing:
    """Weighs others against one profile; those below `cut` (millibits) have no score."""

    def __init__(self, model: MatchModel, profile: Profile, cut: int) -> None:
        self._model = model
        self._profile = profile
        self._cut = cut
        self._places = [place for place, ours in enumerate(profile.values) if ours]
        self._ours = _getter(self._places)
        self._group = {place: number for number, group in enumerate(model.matching.groups) for place in group}
        self._plans: dict[tuple[bool, ...], _Plan] = {}
        self._made: dict[tuple[int, int], list[_Step]] = {}

    def score(self, stored: bytes) -> Score | None:
        """Return the score with another profile, as it is stored; None = it is below the cut.

        That of `MatchModel.score`. Raises ValueError for other bytes, as far as they are looked at.
        """
        others = said(stored)
        if len(others) < len(self._profile.values):
            raise ValueError("these bytes are no profile of the same attributes")
        known = tuple(map(bool, self._ours(others)))
        plan = self._plans.get(known)
        if plan is None:
            plan = self._plans[known] = self._plan(known)
        reachable = plan.most
        for place, most, share, weight, _ in plan.steps:
            reachable += weight(others[place]) // share - most
            if reachable < self._cut:
                return None
        return self._model.score(self._profile, Profile.from_bytes(stored)) if reachable >= self._cut else None

    def _plan(self, known: tuple[bool, ...]) -> _Plan:
        shares = dict(self._shares(compress(self._places, known)))
        steps = sorted((step for each in shares.items() for step in self._steps(*each)), key=lambda step: step.turn)
        most = sum(self._model.gauges[place].most // share for place, share in shares.items())
        return _Plan(most, steps)

    def _shares(self, places: Iterator[int]) -> Iterator[tuple[int, int]]:
        """Give each attribute with what its weight is divided by: further evidence of a group counts less."""
        groups: set[int] = set()
        for place in places:
            yield place, DISCOUNT if self._group[place] in groups else 1
            groups.add(self._group[place])

    def _steps(self, place: int, share: int) -> list[_Step]:
        made = self._made.get((place, share))
        if made is None:
            made = self._made[place, share] = self._make(place, share)
        return made

    def _make(self, place: int, share: int) -> list[_Step]:
        gauge, ours = self._model.gauges[place], self._profile.values[place]
        comparison = self._model.matching.attributes[place].comparison
        most, weight = gauge.most // share, gauge.weights_with(ours)
        if comparison is not Comparison.TEXT:
            return [_Step(place, most, share, weight, cost=comparison not in DEAR)]
        ceiling = gauge.ceilings_with(ours)
        return [
            _Step(place, most, share, ceiling, cost=2),
            _Step(place, 0, 1, lambda other: weight(other) // share - ceiling(other) // share, cost=0),
        ]


def _getter(places: list[int]) -> Callable[[list[str]], tuple[str, ...]]:
    """Return what picks the texts in these places; that in the last one twice, so that one alone is a tuple, too."""
    return itemgetter(*places, places[-1]) if places else lambda _: ()
