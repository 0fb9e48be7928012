"""The model that a record type begins with: weights from experience, until a population has been looked at."""

from services.mdm.domain.matching.declaration import Attribute, Comparison
from services.mdm.domain.matching.model import MatchModel, Weights
from services.mdm.domain.matching.standardising.profile import matching_of
from services.mdm.domain.record_type import RecordType

MILLIBITS: dict[Comparison, tuple[int, ...]] = {
    Comparison.EXACT: (-1500, 2000),
    Comparison.CODE: (-4000, 3000, 7000, 10000),
    Comparison.RESTRICTED_CODE: (-4000, 7000, 10000),
    Comparison.PHONE: (-2500, -500, 6000, 9000, 11000),
    Comparison.DATE: (-5000, 1500, 6000, 10000),
    Comparison.PERSON: (-4500, -2500, 500, 3500, 6000, 8000),
    Comparison.TEXT: (-6000, -5000, -3000, -500, 2500, 4500, 6500, 9000, 11000),
    Comparison.CODES: (-2500, 3000, 6000, 9000),
    Comparison.NUMBER: (-3000, -500, 1000, 2500, 4000),
}
UNSEEN_RARITY = 13000
VETO = -40000
"""What it weighs when two records have nothing in common in an attribute that is essential."""
REVIEW, LINK, MARGIN = 2000, 14000, 1000


def default_model(record_type: RecordType) -> MatchModel:
    """Return the model of a type's empty hub, revision 0. Raises ValueError for types that declare no matching."""
    matching = matching_of(record_type)
    return MatchModel(
        record_type=record_type.name,
        matching=matching,
        exclusive=frozenset(kind.kind for kind in record_type.identifiers if kind.exclusive),
        weights=tuple(
            Weights(_millibits(attribute), UNSEEN_RARITY, UNSEEN_RARITY) for attribute in matching.attributes
        ),
        review_millibits=REVIEW,
        margin_millibits=MARGIN,
        link_millibits=LINK,
    )


def _millibits(attribute: Attribute) -> tuple[int, ...]:
    lowest, *others = MILLIBITS[attribute.comparison]
    return (VETO if attribute.essential else lowest, *others)
