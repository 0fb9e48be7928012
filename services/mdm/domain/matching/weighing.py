"""One profile weighed against many: the same scores as one by one, given up where they can't reach a cut any more."""

from services.mdm.domain.matching.declaration import Comparison
from services.mdm.domain.matching.model import DISCOUNT, MISSING, MatchModel, Part, Score, forbidding
from services.mdm.domain.matching.profile import Profile

_DEAR = frozenset({Comparison.TEXT, Comparison.CODES, Comparison.PERSON})
"""What takes longest to compare comes last: most candidates are given up before."""


class Weighing:
    """Weighs candidates for one profile; those surely below `cut` (millibits) have no score."""

    def __init__(self, model: MatchModel, profile: Profile, cut: int) -> None:
        self._model = model
        self._profile = profile
        self._cut = cut
        attributes = model.matching.attributes
        said = [place for place, values in enumerate(profile.values) if values]
        self._order = sorted(said, key=lambda place: attributes[place].comparison in _DEAR)
        self._groups = [group for group in model.matching.groups if len(group) > 1]
        self._most = [max(weights.millibits) + max(0, weights.rarity_range[1]) for weights in model.weights]
        self._parts: dict[tuple[int, tuple[str, ...]], Part] = {}

    def score(self, other: Profile) -> Score | None:
        """Return the score with another profile, as `MatchModel.score` does; None = it is below the cut."""
        theirs = other.values
        known = [place for place in self._order if theirs[place]]
        further = self._further(theirs)
        reachable = sum(self._counted(place, self._most[place], further) for place in known)
        found: dict[int, Part] = {}
        for place in known:
            part = self._part(place, theirs[place])
            weight = self._counted(place, part.millibits, further)
            reachable += weight - self._counted(place, self._most[place], further)
            if reachable < self._cut:
                return None
            found[place] = part._replace(millibits=weight) if place in further else part
        if reachable < self._cut:
            return None
        parts = tuple(
            found.get(place) or Part(attribute.name, MISSING, 0)
            for place, attribute in enumerate(self._model.matching.attributes)
        )
        return Score(reachable, parts, forbidding(self._model.exclusive, self._profile, other))

    def _further(self, theirs: tuple[tuple[str, ...], ...]) -> set[int]:
        """Return the attributes that are not the first of their group which both say something of."""
        ours = self._profile.values
        found: set[int] = set()
        for group in self._groups:
            found.update([place for place in group if ours[place] and theirs[place]][1:])
        return found

    @staticmethod
    def _counted(place: int, millibits: int, further: set[int]) -> int:
        return millibits // DISCOUNT if place in further else millibits

    def _part(self, place: int, theirs: tuple[str, ...]) -> Part:
        part = self._parts.get((place, theirs))
        if part is None:
            part = self._parts[place, theirs] = self._model.part(place, self._profile.values[place], theirs)
        return part
