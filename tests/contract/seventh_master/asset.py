"""The asset: equipment that the organisation owns and keeps track of."""

from collections.abc import Iterable

from concord.mdm.v1 import asset_pb2
from services.mdm.domain.record_type import Group, RecordType, Reference, StrongIdentifier, keyed, single
from services.mdm.domain.referring import qualified


def _numbers(content: asset_pb2.Asset) -> Iterable[str]:
    """Give entity and asset number."""
    return qualified(content.entity, content.asset_number)


ASSET = RecordType(
    name="asset",
    singular="asset",
    plural="assets",
    collection="assets",
    message=asset_pb2.Asset,
    service="concord.mdm.v1.AssetService",
    groups=(
        Group("identity", ("entity", "asset_number")),
        *single("display_name", "manufacturer_name", "serial_number", "location_code", "in_service"),
        keyed("inspections", "kind"),
    ),
    filterable=(
        *("entity", "asset_number", "display_name", "manufacturer_name", "serial_number", "location_code"),
        *("in_service", "inspections.kind", "inspections.date"),
    ),
    searchable=("asset_number", "serial_number"),
    known_by=("display_name", "asset_number"),
    identifiers=(StrongIdentifier("entity_number", _numbers, exclusive=True),),
    identity=("entity", "asset_number"),
    references=(Reference("location_code", target="location"),),
)
