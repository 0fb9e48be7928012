"""The location: where work is done and stock is kept."""

from collections.abc import Iterable

from concord.mdm.v1 import location_pb2
from services.mdm.domain.check_digits import is_gln
from services.mdm.domain.matching.declarations.location import MATCHING
from services.mdm.domain.record_type import Coded, Group, RecordType, Reference, StrongIdentifier, keyed, single
from services.mdm.domain.referring import own_parents
from services.mdm.domain.violation import Violation


def _glns(content: location_pb2.Location) -> Iterable[str]:
    """Give the GLN; a code alone never links, since systems number the same entity's places differently."""
    return (content.gln,) if is_gln(content.gln) else ()


def _own_parents(content: location_pb2.Location) -> Iterable[Violation]:
    return own_parents(content.slices, content.entity, content.code, "the location")


def _check_digit(content: location_pb2.Location) -> Iterable[Violation]:
    if content.gln and not is_gln(content.gln):
        yield Violation("gln", "is not valid: its check digit is wrong")


LOCATION = RecordType(
    name="location",
    singular="location",
    plural="locations",
    collection="locations",
    message=location_pb2.Location,
    service="concord.mdm.v1.LocationService",
    groups=(Group("identity", ("entity", "code")), *single("gln", "kind", "effective_period")),
    slice_field="slices",
    slice_groups=(*single("display_name", "address", "stocking"), keyed("parents", "hierarchy")),
    period_field="effective_period",
    filterable=(
        *("gln", "entity", "code", "kind", "effective_period.start_date", "effective_period.end_date"),
        *("slices.display_name", "slices.stocking", "slices.parents.hierarchy", "slices.parents.parent_code"),
        *("slices.address.region_code", "slices.address.locality", "slices.address.postal_code"),
    ),
    multi_line=("slices.address.address_lines",),
    known_by=("slices.display_name", "code"),
    searchable=("gln", "code"),
    identifiers=(StrongIdentifier("gln", _glns, exclusive=True),),
    identity=("entity", "code"),
    references=(Reference("parents", target="location", key="parent_code", scope="parent_scope"),),
    coded=(Coded("slices.address.region_code", "countries"),),
    validators=(_own_parents,),
    strict_validators=(_check_digit,),
    matching=MATCHING,
)
