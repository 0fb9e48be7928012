"""How locations are matched: by what they are called, their code and their address."""

from services.mdm.domain.matching.declaration import Attribute, BlockKey, Comparison, Feature, Matching
from services.mdm.domain.matching.standardising import standards

_LINES = ("slices.address.address_lines",)

MATCHING = Matching(
    version=1,
    attributes=(
        Attribute("name", ("slices.display_name",), standards.organisation, Comparison.TEXT),
        Attribute("code", ("code",), standards.code, Comparison.CODE),
        Attribute("house_number", _LINES, standards.house_number, Comparison.CODE),
        Attribute("street", _LINES, standards.street, Comparison.TEXT, group="address"),
        Attribute(
            "postal_code", ("slices.address.postal_code",), standards.postal_code, Comparison.CODE, group="address"
        ),
        Attribute("locality", ("slices.address.locality",), standards.place, Comparison.TEXT, group="address"),
    ),
    titles=("name",),
    keys=(
        BlockKey("name", (("name", Feature.WHOLE),)),
        BlockKey("name_pairs", (("name", Feature.PAIRS),), 6),
        BlockKey("name_tokens", (("name", Feature.TOKENS),), 3),
        BlockKey("name_grams", (("name", Feature.GRAMS),), 4),
        BlockKey("code", (("code", Feature.WHOLE),)),
        BlockKey("house_street", (("house_number", Feature.WHOLE), ("street", Feature.TOKENS)), 4),
    ),
)
