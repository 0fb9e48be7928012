"""Chapter: a steward closes a cost center, and both systems stop using it."""

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from concord.mdm.v1.cost_center_pb2 import (
    CloseCostCenterRequest,
    CostCenter,
    ExplainCostCenterRequest,
    SearchCostCentersRequest,
)
from services.mesh.contract.purpose import with_purpose
from tools.demo.erp import account
from tools.demo.story import Story
from tools.demo.workforce import cost_center_in_workforce
from tools.landscape.callers import STEWARD, Hub
from tools.landscape.landscape import Landscape
from tools.landscape.settling import await_rest, reach

CODE = "106722"
PURPOSE, REASON = "cost-center-closing", "FIN-318: merged into Respiratory Care"
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Closing:
    """What the steward closed: the golden cost center, from which day on, when it was still open."""

    cost_center: str
    first_closed_day: date
    while_open: datetime
    revision: int
    digest: bytes


def tell(story: Story, landscape: Landscape) -> Closing:
    """Close the cost center as of today and wait until both systems have it."""
    hub = landscape.callers.hub(STEWARD)
    today = datetime.now(UTC).date()
    last_day = (today - _ONE_DAY).isoformat()
    in_erp, in_workforce = account(landscape, CODE), cost_center_in_workforce(landscape, CODE)
    story.tell(
        f"Cost center {CODE} ({in_erp.name}) is known to both systems. A steward closes it: "
        f"{last_day} was its last day."
    )
    while_open = datetime.now(UTC)
    closed = _close(hub, today)
    explained = hub.cost_centers.ExplainCostCenter(ExplainCostCenterRequest(name=closed.name)).explanation
    story.done(f"the steward closed it: revision {closed.revision} of the golden cost center")
    reach("the end in Tryton", lambda: account(landscape, CODE).state == "closed")
    reach("the end in the workforce SaaS", lambda: not cost_center_in_workforce(landscape, CODE).active)
    await_rest(landscape)
    now_in_erp, now_in_workforce = account(landscape, CODE), cost_center_in_workforce(landscape, CODE)
    story.expect("last day in Tryton", now_in_erp.note.get("Valid to", ""), last_day)
    story.expect("last day in the workforce SaaS", now_in_workforce.valid_to, last_day)
    story.done("its end arrived in both; read back through Tryton's RPC and through SCIM:")
    story.table(
        ("system", "cost center", "before", "now"),
        [
            ("Tryton", CODE, in_erp, now_in_erp),
            ("workforce SaaS", CODE, in_workforce, now_in_workforce),
        ],
    )
    return Closing(closed.name, today, while_open, closed.revision, explained.digest)


def _close(hub: Hub, first_closed_day: date) -> CostCenter:
    [hit] = hub.cost_centers.SearchCostCenters(SearchCostCentersRequest(identifier=CODE)).hits
    request = CloseCostCenterRequest(
        name=hit.cost_center.name,
        etag=hit.cost_center.etag,
        request_id=str(uuid.uuid4()),
        effective_time=midnight(first_closed_day),
    )
    return hub.cost_centers.CloseCostCenter(request, metadata=with_purpose(PURPOSE, REASON)).cost_center


def midnight(day: date) -> Timestamp:
    """Return the first moment of a day, in UTC."""
    moment = Timestamp()
    moment.FromDatetime(datetime(day.year, day.month, day.day, tzinfo=UTC))
    return moment
