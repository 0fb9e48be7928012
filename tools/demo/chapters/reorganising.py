"""Chapter: a department moves in the management tree, and last quarter's figures stay what they were."""

import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import grpc
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from concord.mdm.v1.tree_pb2 import (
    CompareTreeProposalRequest,
    CreateTreeProposalRequest,
    GetTreeRequest,
    PromoteTreeProposalRequest,
    RollUpTreeRequest,
    RollUpTreeResponse,
    TreeAmount,
    TreeChange,
    TreeNode,
    TreeProposal,
)
from services.mesh.contract.purpose import with_purpose
from services.mesh.errors import from_rpc_error
from tools.demo.chapters.closing import midnight
from tools.demo.erp import parent_of_account
from tools.demo.story import Story
from tools.landscape.callers import CONTROLLER, STEWARD, Hub
from tools.landscape.landscape import Landscape
from tools.landscape.registrations import entity_name
from tools.landscape.settling import await_rest, reach

TYPE, HIERARCHY = "cost_center", "management"
MOVED, TARGET = "G10-EMER", "G10-NURS"
PURPOSE, REASON = "reorganisation", "FIN-402: emergency belongs to nursing"
_MONTHS = 3


def tell(story: Story, landscape: Landscape) -> None:
    """Propose, compare, promote, and roll the same amounts up before and after."""
    hub, scope = landscape.callers.hub(STEWARD), entity_name(landscape.catalogue.entities[0].id)
    nodes = hub.trees.GetTree(GetTreeRequest(record_type=TYPE, hierarchy=HIERARCHY, scope=scope)).nodes
    moved = next(node for node in nodes if node.key == MOVED)
    first, last = last_quarter(datetime.now(UTC).date())
    story.tell(
        f"The management tree has {len(nodes)} nodes in {len({node.scope for node in nodes})} entities. {MOVED} "
        f"({moved.display_name}) is to hang below {TARGET}, in effect since {first}: after last quarter was reported."
    )
    report = _report(scope, nodes, last)
    before = hub.trees.RollUpTree(report)
    _promote(story, landscape, _propose(story, hub, scope, moved, first))
    reach("the move in Tryton", lambda: parent_of_account(landscape, MOVED) == TARGET)
    story.done("the move arrived in Tryton")
    await_rest(landscape)
    again = hub.trees.RollUpTree(report)
    report.ClearField("read_time")
    then, now = _totals(before), _totals(hub.trees.RollUpTree(report))
    story.expect("last quarter rolled up again equals the report", again == before, expected=True)
    story.expect("what the target gains", now[TARGET] - then[TARGET], then[MOVED])
    story.expect("the hospital's total as seen now", now[moved.parent_key], then[moved.parent_key])
    story.done("last quarter as it was reported, and as it is seen now:")
    keys = (moved.parent_key, TARGET, MOVED)
    story.table(("node", "USD as reported", "USD as seen now"), [(key, then[key], now[key]) for key in keys])


def last_quarter(today: date) -> tuple[date, date]:
    """Return the first and the last day of the quarter before the one of a day."""
    this = date(today.year, today.month - (today.month - 1) % _MONTHS, 1)
    last = this - timedelta(days=1)
    return date(last.year, last.month - (last.month - 1) % _MONTHS, 1), last


def _report(scope: str, nodes: Sequence[TreeNode], last_day: date) -> RollUpTreeRequest:
    """Return the question for a quarter's figures, as they are known now: some amount on each node."""
    request = RollUpTreeRequest(record_type=TYPE, hierarchy=HIERARCHY, scope=scope)
    request.amounts.extend(
        TreeAmount(scope=node.scope, key=node.key, amount=Money(currency_code="USD", units=100 * number))
        for number, node in enumerate(nodes, start=1)
    )
    request.effective_time.CopyFrom(midnight(last_day))
    request.read_time.FromDatetime(datetime.now(UTC))
    return request


def _propose(story: Story, hub: Hub, scope: str, moved: TreeNode, first: date) -> TreeProposal:
    proposal = TreeProposal(
        record_type=TYPE,
        hierarchy=HIERARCHY,
        scope=scope,
        effective_date=Date(year=first.year, month=first.month, day=first.day),
        changes=[TreeChange(key=MOVED, scope=moved.scope, parent_key=TARGET)],
        rationale=REASON,
    )
    request = CreateTreeProposalRequest(tree_proposal=proposal, request_id=str(uuid.uuid4()))
    made = hub.trees.CreateTreeProposal(request, metadata=with_purpose(PURPOSE, REASON)).tree_proposal
    told = hub.trees.CompareTreeProposal(CompareTreeProposalRequest(name=made.name))
    found = [f"{each.key}: {each.parent_before} to {each.parent_after}" for each in told.differences]
    story.expect("what the proposal changes", found, [f"{MOVED}: {moved.parent_key} to {TARGET}"])
    story.expect("what stands in its way", len(told.problems), 0)
    story.done("a steward proposed it; compared with the tree as it is, one node moves")
    return made


def _promote(story: Story, landscape: Landscape, proposal: TreeProposal) -> None:
    def promotion() -> PromoteTreeProposalRequest:
        return PromoteTreeProposalRequest(name=proposal.name, etag=proposal.etag, request_id=str(uuid.uuid4()))

    refusal = ""
    try:
        landscape.callers.hub(STEWARD).trees.PromoteTreeProposal(promotion())
    except grpc.RpcError as error:
        refusal = from_rpc_error(error).reason_name
    story.expect("the author's own promotion", refusal, "PERMISSION_MISSING")
    metadata = with_purpose(PURPOSE, REASON)
    done = landscape.callers.hub(CONTROLLER).trees.PromoteTreeProposal(promotion(), metadata=metadata).tree_proposal
    story.expect("who promoted it", done.decider, CONTROLLER.subject)
    story.done("its author may not promote it; a controller did")


def _totals(answer: RollUpTreeResponse) -> dict[str, int]:
    return {each.node.key: each.total[0].units for each in answer.totals}
