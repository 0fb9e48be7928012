"""One profile weighed against many: the same scores as one by one, given up where they can't reach a cut any more."""

from collections.abc import Callable, Sequence
from itertools import compress

from services.mdm.domain.matching.comparing.weighing_plan import Plan, Step, Told
from services.mdm.domain.matching.model import MatchModel, Score
from services.mdm.domain.matching.standardising.profile import Profile, said

Weight = Callable[[str], int]
"""What an attribute weighs, or is sure not to exceed, by what the other says of it; millibits."""


class Weighing:
    """Weighs others against one profile; those below `cut` (millibits) have no score."""

    def __init__(self, model: MatchModel, profile: Profile, cut: int) -> None:
        self._model = model
        self._profile = profile
        self._cut = cut
        self._places = [place for place, ours in enumerate(profile.values) if ours]
        self._weights: dict[tuple[int, Told], Weight] = {}

    def scores(self, stored: Sequence[bytes]) -> list[Score | None]:
        """Return the scores with other profiles, as they are stored; None = it is below the cut.

        Those of `MatchModel.score`. Raises ValueError for other bytes, as far as they are looked at.
        """
        columns = said(stored, range(len(self._profile.values)))
        told = [map(bool, columns[place]) for place in self._places]
        alike: dict[tuple[bool, ...], list[int]] = {}
        for row, known in enumerate(zip(*told, strict=True) if told else [()] * len(stored)):
            alike.setdefault(known, []).append(row)
        found: list[Score | None] = [None] * len(stored)
        for known, rows in alike.items():
            plan = self._model.plan(tuple(compress(self._places, known)))
            for row in self._strong(plan, rows, columns):
                found[row] = self._model.score(self._profile, Profile.from_bytes(stored[row]))
        return found

    def _strong(self, plan: Plan, rows: Sequence[int], columns: Sequence[Sequence[str]]) -> list[int]:
        """Return those of the others, by row, that reach the cut; all say something of the same attributes."""
        alive = [(row, plan.most) for row in rows if plan.most >= self._cut]
        for step in plan.steps:
            if not alive:
                break
            column, weight, (_, share, most, _) = columns[step.place], self._weight(step), step
            alive = [
                (row, left)
                for row, reachable in alive
                if (left := reachable - most + weight(column[row]) // share) >= self._cut
            ]
        return [row for row, _ in alive]

    def _weight(self, step: Step) -> Weight:
        """Return what weighs others in a step."""
        if step.told is not Told.BEYOND:
            return self._known(step.place, step.told)
        weight, most = self._known(step.place, Told.WHOLE), self._known(step.place, Told.CEILING)
        return lambda other: (weight(other) // step.share - most(other) // step.share) * step.share

    def _known(self, place: int, told: Told) -> Weight:
        known = self._weights.get((place, told))
        if known is None:
            gauge, ours = self._model.gauges[place], self._profile.values[place]
            made = gauge.ceilings_with if told is Told.CEILING else gauge.weights_with
            known = self._weights[place, told] = made(ours)
        return known
