"""One profile weighed against many: the same scores as one by one, given up where they can't reach a cut any more."""

from itertools import compress
from typing import NamedTuple

from services.mdm.domain.matching.comparisons import DEAR
from services.mdm.domain.matching.gauge import Gauge
from services.mdm.domain.matching.model import DISCOUNT, MISSING, MatchModel, Part, Score, forbidding
from services.mdm.domain.matching.profile import Profile


class _Step(NamedTuple):
    """An attribute that our record says something of."""

    place: int
    group: int
    gauge: Gauge
    ours: tuple[str, ...]
    dear: bool


class _Plan(NamedTuple):
    """What to compare in which order: the most it weighs, the attribute, whether it counts as further evidence only."""

    most: int
    steps: list[tuple[int, _Step, bool]]


class Weighing:
    """Weighs others against one profile; those below `cut` (millibits) have no score."""

    def __init__(self, model: MatchModel, profile: Profile, cut: int) -> None:
        self._model = model
        self._profile = profile
        self._cut = cut
        of = {place: number for number, group in enumerate(model.matching.groups) for place in group}
        self._steps = [
            _Step(place, of[place], model.gauges[place], ours, attribute.comparison in DEAR)
            for place, (attribute, ours) in enumerate(zip(model.matching.attributes, profile.values, strict=True))
            if ours
        ]
        self._plans: dict[tuple[bool, ...], _Plan] = {}

    def score(self, other: Profile) -> Score | None:
        """Return the score with another profile, as `MatchModel.score` does; None = it is below the cut."""
        found = self._found(other.values)
        if found is None:
            return None
        parts = tuple(
            Part(attribute.name, *found.get(place, (MISSING, 0)))
            for place, attribute in enumerate(self._model.matching.attributes)
        )
        millibits = sum(part.millibits for part in parts)
        return Score(millibits, parts, forbidding(self._model.exclusive, self._profile, other))

    def _found(self, theirs: tuple[tuple[str, ...], ...]) -> dict[int, tuple[int, int]] | None:
        """Return level and weight of what both say something of; None once the cut is out of reach."""
        said = tuple([bool(theirs[step.place]) for step in self._steps])
        plan = self._plans.get(said)
        if plan is None:
            plan = self._plans[said] = self._plan(said)
        reachable, found = plan.most, {}
        for most, step, further in plan.steps:
            said_there = theirs[step.place]
            if step.dear:
                ceiling = step.gauge.ceiling(step.ours, said_there)
                if reachable - most + (ceiling // DISCOUNT if further else ceiling) < self._cut:
                    return None
            level, weight = step.gauge.part(step.ours, said_there)
            weight = weight // DISCOUNT if further else weight
            reachable += weight - most
            if reachable < self._cut:
                return None
            found[step.place] = level, weight
        return found if reachable >= self._cut else None

    def _plan(self, said: tuple[bool, ...]) -> _Plan:
        """Return what to compare with those who say something of these attributes: the cheap and most telling first."""
        groups: set[int] = set()
        steps = []
        for step in compress(self._steps, said):
            further = step.group in groups
            groups.add(step.group)
            steps.append((step.gauge.most // DISCOUNT if further else step.gauge.most, step, further))
        steps.sort(key=lambda each: (each[1].dear, -each[0]))
        return _Plan(sum(most for most, _, _ in steps), steps)
