"""The cost center: where costs are booked, and the departments that group such places."""

from collections.abc import Iterable

from concord.mdm.v1 import cost_center_pb2
from services.mdm.domain.record_type import Coded, Group, RecordType, Reference, StrongIdentifier, keyed, single
from services.mdm.domain.referring import own_parents, qualified
from services.mdm.domain.violation import Violation


def _codes(content: cost_center_pb2.CostCenter) -> Iterable[str]:
    """Give entity and code; separators in codes tell cost centers apart, case does not."""
    return qualified(content.entity, content.code)


def _own_parents(content: cost_center_pb2.CostCenter) -> Iterable[Violation]:
    return own_parents(content.slices, content.entity, content.code, "the cost center")


COST_CENTER = RecordType(
    name="cost_center",
    singular="cost_center",
    plural="cost_centers",
    collection="costCenters",
    message=cost_center_pb2.CostCenter,
    service="concord.mdm.v1.CostCenterService",
    groups=(Group("identity", ("entity", "code")), *single("kind", "effective_period")),
    slice_field="slices",
    slice_groups=(
        *single("display_name", "manager", "location", "currency_code", "blocked_for_posting"),
        keyed("parents", "hierarchy"),
    ),
    period_field="effective_period",
    filterable=(
        *("entity", "code", "kind", "effective_period.start_date", "effective_period.end_date"),
        *("slices.display_name", "slices.manager", "slices.location", "slices.currency_code"),
        *("slices.blocked_for_posting", "slices.parents.hierarchy", "slices.parents.parent_code"),
    ),
    known_by=("slices.display_name", "code"),
    searchable=("code",),
    identifiers=(StrongIdentifier("entity_code", _codes, exclusive=True),),
    identity=("entity", "code"),
    references=(Reference("parents", target="cost_center", key="parent_code", scope="parent_scope"),),
    coded=(Coded("slices.currency_code", "currencies"),),
    validators=(_own_parents,),
)
