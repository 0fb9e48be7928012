"""How items are matched: by what they are called, by part numbers and codes, by manufacturer and price."""

from services.mdm.domain.matching.declaration import Attribute, BlockKey, Comparison, Feature, Matching
from services.mdm.domain.matching.standardising import standards

_TEXTS = ("display_name", "manufacturer_part_number")

MATCHING = Matching(
    version=3,
    attributes=(
        Attribute("name", ("display_name",), standards.description, Comparison.TEXT),
        Attribute("description", ("display_name", "description"), standards.description, Comparison.TEXT, joined=True),
        Attribute("models", _TEXTS, standards.model_codes, Comparison.CODES, joined=True),
        Attribute("manufacturer", ("manufacturer_name",), standards.organisation, Comparison.TEXT),
        Attribute("ndc", ("ndc",), standards.ndc, Comparison.CODE),
        Attribute("hibc", ("hibc",), standards.hibc, Comparison.CODE),
        Attribute("price", ("prices.price",), standards.number, Comparison.NUMBER),
        Attribute("unspsc", ("unspsc_code",), standards.exact, Comparison.EXACT),
        Attribute("pack", ("display_name", "description"), standards.pack, Comparison.EXACT),
    ),
    titles=("name", "description", "models"),
    keys=(
        BlockKey("models", (("models", Feature.TOKENS),), 6),
        BlockKey("model_grams", (("models", Feature.CODE_GRAMS),), 24),
        BlockKey("name", (("name", Feature.WHOLE),)),
        BlockKey("name_pairs", (("name", Feature.PAIRS),), 10),
        BlockKey("name_tokens", (("name", Feature.TOKENS),), 8),
        BlockKey("name_grams", (("name", Feature.GRAMS),), 6),
        BlockKey("name_shingles", (("name", Feature.SHINGLES),), 8),
        BlockKey("description_tokens", (("description", Feature.TOKENS),), 12),
        BlockKey("ndc", (("ndc", Feature.WHOLE),)),
        BlockKey("hibc", (("hibc", Feature.WHOLE),)),
    ),
)
