"""How employees are matched: by names, day of birth, home, contacts and national numbers."""

from services.mdm.domain.matching.declaration import Attribute, BlockKey, Comparison, Feature, Matching
from services.mdm.domain.matching.standardising import standards

_HOME_LINES = ("home_address.address_lines",)

MATCHING = Matching(
    version=2,
    attributes=(
        Attribute(
            "full_name", ("given_name", "family_name"), standards.person, Comparison.TEXT, joined=True, group="name"
        ),
        Attribute("given_name", ("given_name",), standards.person, Comparison.PERSON, group="name"),
        Attribute("family_name", ("family_name",), standards.person, Comparison.PERSON, group="name"),
        Attribute("display_name", ("display_name",), standards.people, Comparison.TEXT, group="name"),
        Attribute("birth_date", ("birth_date",), standards.date, Comparison.DATE),
        Attribute("national_id", ("national_ids.value",), standards.code, Comparison.RESTRICTED_CODE),
        Attribute("contact", ("work_contacts.value",), standards.contact, Comparison.CODE),
        Attribute("house_number", _HOME_LINES, standards.house_number, Comparison.CODE),
        Attribute("street", _HOME_LINES, standards.street, Comparison.TEXT, group="address"),
        Attribute(
            "postal_code", ("home_address.postal_code",), standards.postal_code, Comparison.CODE, group="address"
        ),
        Attribute("locality", ("home_address.locality",), standards.place, Comparison.TEXT, group="address"),
        Attribute("region", ("home_address.administrative_area",), standards.place, Comparison.EXACT, group="address"),
    ),
    titles=("full_name",),
    keys=(
        BlockKey("national_id", (("national_id", Feature.WHOLE),)),
        BlockKey("contact", (("contact", Feature.WHOLE),)),
        BlockKey("names", (("full_name", Feature.PAIRS),)),
        BlockKey("name_sounds", (("full_name", Feature.SOUNDS), ("full_name", Feature.SOUNDS)), 6),
        BlockKey("birth_name", (("birth_date", Feature.WHOLE), ("full_name", Feature.SOUNDS))),
        BlockKey("birth_postcode", (("birth_date", Feature.WHOLE), ("postal_code", Feature.WHOLE))),
        BlockKey("birth_locality", (("birth_date", Feature.WHOLE), ("locality", Feature.START))),
        BlockKey("birth_house", (("birth_date", Feature.WHOLE), ("house_number", Feature.WHOLE))),
        BlockKey("name_postcode", (("full_name", Feature.SOUNDS), ("postal_code", Feature.WHOLE))),
        BlockKey("name_street", (("full_name", Feature.SOUNDS), ("street", Feature.TOKENS)), 4),
        BlockKey("street_postcode", (("street", Feature.TOKENS), ("postal_code", Feature.WHOLE)), 4),
        BlockKey("house_street", (("house_number", Feature.WHOLE), ("street", Feature.TOKENS)), 3),
    ),
)
