"""Why a pair may be one thing, for people: what each attribute says, in words and weights."""

from collections.abc import Iterator
from typing import NamedTuple

from services.mdm.domain.matching.comparing.comparisons import LEVELS
from services.mdm.domain.matching.declaration import Comparison
from services.mdm.domain.matching.model import MISSING, MatchModel, Score


class Reason(NamedTuple):
    """What one attribute says: how alike the two are in it, and what that weighs in thousandths of a bit."""

    attribute: str
    finding: str
    millibits: int


def reasons(model: MatchModel, score: Score) -> tuple[Reason, ...]:
    """Return what speaks for and against a pair, the weightiest first; what one of them does not say is left out."""
    return tuple(sorted(_reasons(model, score), key=lambda reason: (-abs(reason.millibits), reason.attribute)))


def _reasons(model: MatchModel, score: Score) -> Iterator[Reason]:
    for attribute, part in zip(model.matching.attributes, score.parts, strict=True):
        if part.level != MISSING:
            yield Reason(part.attribute, _finding(attribute.comparison, part.level), part.millibits)


def _finding(comparison: Comparison, level: int) -> str:
    highest = len(LEVELS[comparison]) - 1
    if level == highest:
        return "the same"
    if level == 0:
        return "different"
    return "nearly the same" if level == highest - 1 or 2 * level > highest else "somewhat alike"
