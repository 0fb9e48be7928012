"""How employees are matched: by names, day of birth, home, contacts and national numbers."""

from services.mdm.domain.matching import standards
from services.mdm.domain.matching.declaration import Attribute, BlockKey, Comparison, Feature, Matching

_HOME_LINES = ("home_address.address_lines",)

MATCHING = Matching(
    version=1,
    attributes=(
        Attribute("given_name", ("given_name",), standards.person, Comparison.PERSON),
        Attribute("family_name", ("family_name",), standards.person, Comparison.PERSON),
        Attribute("display_name", ("display_name",), standards.people, Comparison.TEXT),
        Attribute("birth_date", ("birth_date",), standards.date, Comparison.DATE),
        Attribute("national_id", ("national_ids.value",), standards.code, Comparison.CODE),
        Attribute("contact", ("work_contacts.value",), standards.contact, Comparison.CODE),
        Attribute("house_number", _HOME_LINES, standards.house_number, Comparison.CODE),
        Attribute("street", _HOME_LINES, standards.street, Comparison.TEXT),
        Attribute("locality", ("home_address.locality", "home_address.sublocality"), standards.place, Comparison.TEXT),
        Attribute("postal_code", ("home_address.postal_code",), standards.postal_code, Comparison.CODE),
        Attribute("region", ("home_address.administrative_area",), standards.place, Comparison.EXACT),
    ),
    keys=(
        BlockKey("national_id", (("national_id", Feature.WHOLE),)),
        BlockKey("contact", (("contact", Feature.WHOLE),)),
        BlockKey("birth_given", (("birth_date", Feature.WHOLE), ("given_name", Feature.START))),
        BlockKey("birth_family", (("birth_date", Feature.WHOLE), ("family_name", Feature.START))),
        BlockKey("names", (("given_name", Feature.SOUNDS), ("family_name", Feature.SOUNDS))),
        BlockKey("family_postcode", (("family_name", Feature.SOUNDS), ("postal_code", Feature.WHOLE))),
        BlockKey("given_postcode", (("given_name", Feature.SOUNDS), ("postal_code", Feature.WHOLE))),
        BlockKey("birth_postcode", (("birth_date", Feature.WHOLE), ("postal_code", Feature.WHOLE))),
        BlockKey("display_pairs", (("display_name", Feature.PAIRS),)),
        BlockKey("house_street", (("house_number", Feature.WHOLE), ("street", Feature.TOKENS))),
    ),
)
