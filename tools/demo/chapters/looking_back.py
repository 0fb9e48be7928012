"""Chapter: the past, as it was known then and as it was true then."""

from datetime import datetime, timedelta

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1.cost_center_pb2 import GetCostCenterRequest
from concord.mdm.v1.supplier_pb2 import GetSupplierRequest, ListSupplierRevisionsRequest
from services.mesh.errors import from_rpc_error
from tools.demo.chapters.closing import Closing, midnight
from tools.demo.chapters.correcting import CORRECT_NAME, CORRECT_PHONE, TYPED, Correction
from tools.demo.story import Story
from tools.landscape.callers import STEWARD, Hub
from tools.landscape.landscape import Landscape
from tools.landscape.paging import every

_IN_EFFECT, _NOT_IN_EFFECT = "in effect", "not in effect"


def tell(story: Story, landscape: Landscape, correction: Correction, closing: Closing) -> None:
    """Read the supplier's history and the cost center on both axes of time."""
    hub = landscape.callers.hub(STEWARD)
    _read_supplier(story, hub, correction)
    _read_cost_center(story, hub, closing)


def _read_supplier(story: Story, hub: Hub, correction: Correction) -> None:
    history = every(
        hub.suppliers.ListSupplierRevisions,
        ListSupplierRevisionsRequest(name=correction.supplier),
        "suppliers",
    )
    revisions = list(history)
    story.expect("newest revision of the supplier", revisions[0].revision, correction.revision)
    story.expect("revisions kept without a gap", len(revisions), correction.revision)
    story.tell("Every revision of the golden supplier is kept:")
    story.table(
        ("revision", "since", "legal name", "telephone"),
        [(each.revision, _clock(each.update_time), each.legal_name, each.phone) for each in reversed(revisions)],
    )
    then = hub.suppliers.GetSupplier(
        GetSupplierRequest(name=correction.supplier, read_time=_timestamp(correction.while_wrong))
    )
    now = hub.suppliers.GetSupplier(GetSupplierRequest(name=correction.supplier)).supplier
    story.expect("name as it was known before the correction", then.supplier.legal_name, TYPED)
    story.expect("name as it is known now", now.legal_name, CORRECT_NAME)
    story.expect("telephone as it is known now", now.phone, CORRECT_PHONE)
    story.tell(
        f"Read as of {correction.while_wrong:%H:%M:%S} UTC (feed position {then.read_position}) it is still called "
        f"{then.supplier.legal_name!r}; read now, {now.legal_name!r}."
    )


def _read_cost_center(story: Story, hub: Hub, closing: Closing) -> None:
    last_day = closing.first_closed_day - timedelta(days=1)
    known = {f"as known at {closing.while_open:%H:%M:%S} UTC": _timestamp(closing.while_open), "as known now": None}
    found = [
        (
            said,
            _effect(hub, closing.cost_center, midnight(last_day), read_time),
            _effect(hub, closing.cost_center, midnight(closing.first_closed_day), read_time),
        )
        for said, read_time in known.items()
    ]
    story.expect("in effect, as known then and now", [row[1] for row in found], [_IN_EFFECT, _IN_EFFECT])
    story.expect("in effect after its end", [row[2] for row in found], [_IN_EFFECT, _NOT_IN_EFFECT])
    story.tell("The cost center was open until the steward closed it, and is open for its last day for ever:")
    story.table(("the cost center", f"on {last_day}", f"on {closing.first_closed_day}"), found)


def _effect(hub: Hub, name: str, day: Timestamp, read_time: Timestamp | None) -> str:
    request = GetCostCenterRequest(name=name, read_time=read_time, effective_time=day)
    try:
        hub.cost_centers.GetCostCenter(request)
    except grpc.RpcError as error:
        if from_rpc_error(error).reason == reasons.ERROR_REASON_NOT_IN_EFFECT:
            return _NOT_IN_EFFECT
        raise
    return _IN_EFFECT


def _timestamp(moment: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp


def _clock(timestamp: Timestamp) -> str:
    return f"{timestamp.ToDatetime():%H:%M:%S}"
