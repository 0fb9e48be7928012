"""A reorganisation of the departments: last quarter's figures as they were then, and as they are seen now."""

import uuid
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from concord.mdm.v1 import tree_pb2
from tests.support.database.mesh_databases import MeshDatabases, settled, synchronise
from tests.support.waiting import eventually
from tools.landscape.callers import CONTROLLER, Hub
from tools.landscape.landscape import Landscape
from tools.landscape.registrations import ERP, entity_name

BACKDATED = Date(year=2026, month=4, day=1)
QUARTER_END = "2026-06-30T12:00:00Z"
_LAST_PUBLISHED = "SELECT max(published_at) FROM positions"
_PARENT_IN_TRYTON = """
SELECT parent.code FROM analytic_account_account child
JOIN analytic_account_account parent ON parent.id = child.parent WHERE child.id = %s
"""


@pytest.fixture(scope="module")
def management(landscape: Landscape, hub: Hub) -> dict[str, Any]:
    """The management tree of the entity that has the most nodes."""
    trees = [
        {"record_type": "cost_center", "hierarchy": "management", "scope": entity_name(entity.id)}
        for entity in landscape.catalogue.entities
        if entity.parent
    ]
    return max(trees, key=lambda tree: len(hub.trees.GetTree(tree_pb2.GetTreeRequest(**tree)).nodes))


def _movable(nodes: list[tree_pb2.TreeNode]) -> tuple[tree_pb2.TreeNode, tree_pb2.TreeNode]:
    """Return a department with something below it, and another that it may hang below."""
    parents = {node.parent_key for node in nodes}
    for moved in nodes:
        for target in nodes:
            apart = target.key not in {moved.key, moved.parent_key} and target.depth <= moved.depth
            if moved.depth and moved.key in parents and target.key in parents and apart:
                return moved, target
    raise AssertionError("the tree has no two departments to move")


def test_last_quarter_rolled_up_again_after_a_reorganisation_gives_the_same_numbers(
    landscape: Landscape, hub: Hub, databases: MeshDatabases, management: dict[str, Any]
) -> None:
    settled(databases)
    nodes = list(hub.trees.GetTree(tree_pb2.GetTreeRequest(**management)).nodes)
    amounts = [
        tree_pb2.TreeAmount(key=node.key, amount=Money(currency_code="USD", units=number, nanos=10_000_000))
        for number, node in enumerate(nodes, start=1)
    ]
    last_quarter = tree_pb2.RollUpTreeRequest(**management, amounts=amounts)
    last_quarter.effective_time.FromJsonString(QUARTER_END)
    then = Timestamp()
    then.FromDatetime(databases.rows("mdm", _LAST_PUBLISHED)[0][0])
    last_quarter.read_time.CopyFrom(then)
    before = hub.trees.RollUpTree(last_quarter)
    assert len(before.totals) == len(nodes) > 5

    moved, target = _movable(nodes)
    change = tree_pb2.TreeChange(key=moved.key, parent_key=target.key)
    proposal = tree_pb2.TreeProposal(**management, effective_date=BACKDATED, changes=[change], rationale="One division")
    request = tree_pb2.CreateTreeProposalRequest(tree_proposal=proposal, request_id=str(uuid.uuid4()))
    made = hub.trees.CreateTreeProposal(request).tree_proposal
    told = hub.trees.CompareTreeProposal(tree_pb2.CompareTreeProposalRequest(name=made.name))
    assert [(each.key, each.parent_before, each.parent_after) for each in told.differences] == [
        (moved.key, moved.parent_key, target.key)
    ]
    assert not told.problems
    promotion = tree_pb2.PromoteTreeProposalRequest(name=made.name, etag=made.etag, request_id=str(uuid.uuid4()))
    landscape.callers.hub(CONTROLLER).trees.PromoteTreeProposal(promotion)
    settled(databases)

    assert hub.trees.RollUpTree(last_quarter) == before
    last_quarter.ClearField("read_time")
    seen_now = hub.trees.RollUpTree(last_quarter)
    assert _totals(seen_now) != _totals(before)
    assert _at_roots(seen_now) == _at_roots(before)


def test_a_promoted_move_reaches_the_erp_and_stays(
    landscape: Landscape, hub: Hub, databases: MeshDatabases, management: dict[str, Any]
) -> None:
    nodes = list(hub.trees.GetTree(tree_pb2.GetTreeRequest(**management)).nodes)
    leaf = next(node for node in nodes if node.key not in {other.parent_key for other in nodes} and node.depth > 1)
    top = next(node for node in nodes if node.depth == 0 and node.key != leaf.parent_key)
    change = tree_pb2.TreeChange(key=leaf.key, parent_key=top.key)
    proposal = tree_pb2.TreeProposal(**management, effective_date=BACKDATED, changes=[change])
    request = tree_pb2.CreateTreeProposalRequest(tree_proposal=proposal, request_id=str(uuid.uuid4()))
    made = hub.trees.CreateTreeProposal(request).tree_proposal
    promotion = tree_pb2.PromoteTreeProposalRequest(name=made.name, etag=made.etag, request_id=str(uuid.uuid4()))
    landscape.callers.hub(CONTROLLER).trees.PromoteTreeProposal(promotion)
    key = "SELECT key FROM crosswalk WHERE golden = %s AND system = %s"
    account = databases.rows("mdm", key, leaf.name, ERP)[0][0].rpartition("/")[2]
    eventually(lambda: databases.rows("erp", _PARENT_IN_TRYTON, account) == [(top.key,)])
    settled(databases)
    heads = databases.heads()
    synchronise(landscape, 2)
    settled(databases)
    assert databases.heads() == heads


def _totals(answer: tree_pb2.RollUpTreeResponse) -> dict[str, tuple[int, int]]:
    return {each.node.key: (each.total[0].units, each.total[0].nanos) for each in answer.totals}


def _at_roots(answer: tree_pb2.RollUpTreeResponse) -> int:
    roots = (each.total[0] for each in answer.totals if each.node.depth == 0)
    return sum(total.units * 1_000_000_000 + total.nanos for total in roots)
