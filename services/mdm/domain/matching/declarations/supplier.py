"""How suppliers are matched: by name, address, phone, e-mail and web address."""

from services.mdm.domain.matching.declaration import Attribute, BlockKey, Comparison, Feature, Matching
from services.mdm.domain.matching.standardising import standards

_NAMES = ("legal_name", "trading_names")
_SITE_LINES = ("sites.address.address_lines",)
_PHONES = ("phone", "contacts.phone")

MATCHING = Matching(
    version=3,
    attributes=(
        Attribute("name", _NAMES, standards.organisation, Comparison.TEXT, essential=True, group="name"),
        Attribute("legal_form", _NAMES, standards.legal_form, Comparison.EXACT, group="name"),
        Attribute("sales_area", _NAMES, standards.sales_area, Comparison.EXACT, group="name"),
        Attribute("site_name", ("sites.display_name",), standards.organisation, Comparison.TEXT, group="name"),
        Attribute("house_number", _SITE_LINES, standards.house_number, Comparison.CODE),
        Attribute("street", _SITE_LINES, standards.street, Comparison.TEXT, group="address"),
        Attribute(
            "postal_code", ("sites.address.postal_code",), standards.postal_code, Comparison.CODE, group="address"
        ),
        Attribute("locality", ("sites.address.locality",), standards.place, Comparison.TEXT, group="address"),
        Attribute("region", ("sites.address.administrative_area",), standards.place, Comparison.EXACT, group="address"),
        Attribute("country", ("sites.address.region_code",), standards.exact, Comparison.EXACT, group="address"),
        Attribute("phone", _PHONES, standards.phone, Comparison.PHONE),
        Attribute("email", ("email", "contacts.email"), standards.email, Comparison.CODE),
        Attribute("website", ("website",), standards.domain, Comparison.CODE),
        Attribute("tax_id", ("tax_ids.value",), standards.code, Comparison.RESTRICTED_CODE),
        Attribute("duns", ("duns",), standards.duns, Comparison.CODE),
        Attribute("classification", ("classifications.code",), standards.exact, Comparison.TEXT),
    ),
    titles=("name", "legal_form", "sales_area"),
    keys=(
        BlockKey("phone", (("phone", Feature.END),)),
        BlockKey("email", (("email", Feature.WHOLE),)),
        BlockKey("website", (("website", Feature.WHOLE),)),
        BlockKey("tax_id", (("tax_id", Feature.WHOLE),)),
        BlockKey("name", (("name", Feature.WHOLE),)),
        BlockKey("name_pairs", (("name", Feature.PAIRS),), 6),
        BlockKey("name_tokens", (("name", Feature.TOKENS),), 8),
        BlockKey("name_sounds", (("name", Feature.SOUNDS),), 3),
        BlockKey("name_shingles", (("name", Feature.SHINGLES),), 8),
        BlockKey("name_grams", (("name", Feature.GRAMS),), 6),
        BlockKey("token_postcode", (("name", Feature.TOKENS), ("postal_code", Feature.WHOLE)), 3),
        BlockKey("token_locality", (("name", Feature.TOKENS), ("locality", Feature.START)), 3),
        BlockKey("house_street", (("house_number", Feature.WHOLE), ("street", Feature.TOKENS)), 4),
    ),
)
