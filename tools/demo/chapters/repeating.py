"""Chapter: everything is read once more, and nothing moves: what was delivered comes back as what it is."""

from collections.abc import Mapping
from dataclasses import dataclass

from concord.adapter.v1.adapter_pb2 import ListDeliveriesRequest, SyncSystemRequest, SyncSystemResponse
from concord.mdm.v1.change_pb2 import GetFeedStateRequest
from concord.mdm.v1.cost_center_pb2 import ExplainCostCenterRequest
from concord.mdm.v1.record_pb2 import Explanation
from concord.mdm.v1.supplier_pb2 import ExplainSupplierRequest
from tools.demo.census import golden_census
from tools.demo.chapters.closing import Closing
from tools.demo.chapters.correcting import Correction
from tools.demo.expectations import Expectations
from tools.demo.story import Story
from tools.landscape.callers import OPERATOR, STEWARD
from tools.landscape.landscape import Landscape
from tools.landscape.paging import every
from tools.landscape.registrations import ERP, WORKFORCE
from tools.landscape.settling import await_rest

_SYSTEMS = {"erp_adapter": ERP, "saas_adapter": WORKFORCE}
_FURTHER = 3


@dataclass(frozen=True)
class _Standing:
    """Where everything stands: equal standings mean that nothing moved."""

    position: int
    golden: Mapping[str, Mapping[str, int]]
    explained: tuple[tuple[int, bytes], ...]
    deliveries: Mapping[str, int]


def tell(story: Story, landscape: Landscape, expected: Expectations, correction: Correction, closing: Closing) -> None:
    """Synchronise both systems in full and some times more; compare."""
    for adapter, system in _SYSTEMS.items():
        # An item shows its manufacturer's name: the correction of a supplier is news about its items, too.
        _sync(landscape, adapter, system)
    await_rest(landscape)
    story.done("what followed from the correction has been read, items that show the supplier's name")
    before = _standing(landscape, correction, closing)
    decided = ((correction.revision, correction.digest), (closing.revision, closing.digest))
    story.expect("explanations are those from before the deliveries", before.explained == decided, True)
    answers = {system: _sync(landscape, adapter, system, full=True) for adapter, system in _SYSTEMS.items()}
    story.done("both systems were read again in full, also what was delivered to them")
    documents = {ERP: sum(expected.erp_sources.values()), WORKFORCE: sum(expected.workforce_sources.values())}
    for system, answer in answers.items():
        story.expect(f"documents of {system} all read", answer.read_count >= documents[system], True)
        _expect_no_change(story, f"full synchronisation of {system}", answer)
    for adapter, system in _SYSTEMS.items():
        for _ in range(_FURTHER):
            _expect_no_change(story, f"further synchronisation of {system}", _sync(landscape, adapter, system))
    await_rest(landscape)
    story.done(f"and {_FURTHER} times more for what changed")
    after = _standing(landscape, correction, closing)
    story.expect("nothing moved", after == before, True)
    story.table(
        ("system", "documents read", "new", "changed", "as known"),
        [
            (system, answer.read_count, answer.created_count, answer.updated_count, answer.unchanged_count)
            for system, answer in answers.items()
        ],
    )
    story.tell(
        f"No golden record has a new revision, the feed stands at position {after.position} as before, nothing was "
        "delivered again, and the explanations of the corrected supplier and the closed cost center are, winner by "
        "winner and time by time, those from before the deliveries."
    )


def _standing(landscape: Landscape, correction: Correction, closing: Closing) -> _Standing:
    hub = landscape.callers.hub(STEWARD)
    supplier = hub.suppliers.ExplainSupplier(ExplainSupplierRequest(name=correction.supplier))
    cost_center = hub.cost_centers.ExplainCostCenter(ExplainCostCenterRequest(name=closing.cost_center))
    return _Standing(
        position=hub.changes.GetFeedState(GetFeedStateRequest()).newest_position,
        golden=golden_census(landscape),
        explained=(_essence(supplier.explanation), _essence(cost_center.explanation)),
        deliveries={adapter: _deliveries(landscape, adapter) for adapter in _SYSTEMS},
    )


def _essence(explanation: Explanation) -> tuple[int, bytes]:
    return explanation.revision, explanation.digest


def _deliveries(landscape: Landscape, adapter: str) -> int:
    method = landscape.callers.adapter(adapter, OPERATOR).ListDeliveries
    return sum(1 for _ in every(method, ListDeliveriesRequest(), "deliveries"))


def _sync(landscape: Landscape, adapter: str, system: str, *, full: bool = False) -> SyncSystemResponse:
    return landscape.callers.adapter(adapter, OPERATOR).SyncSystem(SyncSystemRequest(system=system, full=full))


def _expect_no_change(story: Story, what: str, answer: SyncSystemResponse) -> None:
    changed = answer.created_count + answer.updated_count + answer.quarantined_count
    story.expect(f"changes by a {what}", changed, 0)
