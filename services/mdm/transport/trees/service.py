"""The tree service: trees as of any date, roll-ups along them, and proposals."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from google.protobuf.message import Message
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import tree_pb2
from services.mdm.domain import tree
from services.mdm.domain.tree import NANOS, Amounts, Node, Tree
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.trees.forest import Forest, tree_of, tree_scope
from services.mdm.storage.trees.proposals import TreeProposals
from services.mdm.transport.calls.deciding import Deciding, day_of, position_at
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.contract.validation import constraint_violated
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.records.leaf import Origin
from services.mesh.server import Call, GrpcService

SERVICE = "concord.mdm.v1.TreeService"

_MOST_NANOS = 2**63 * NANOS

_KINDS = {
    tree.Wrong.CYCLE: tree_pb2.TreeProblem.KIND_CYCLE,
    tree.Wrong.ORPHAN: tree_pb2.TreeProblem.KIND_ORPHAN,
    tree.Wrong.AMBIGUOUS_KEY: tree_pb2.TreeProblem.KIND_AMBIGUOUS_KEY,
}


@dataclass(frozen=True)
class _Asked:
    """The tree that a request is about, with what is wrong with it, its day and the position it was read at."""

    tree: Tree
    problems: tuple[tree_pb2.TreeProblem, ...]
    day: date
    position: int


class TreeMethods:
    """The tree service's RPCs."""

    def __init__(
        self, transactions: Transactions, forest: Forest, proposals: TreeProposals, deciding: Deciding
    ) -> None:
        self._transactions = transactions
        self._forest = forest
        self._proposals = proposals
        self._deciding = deciding

    def service(self) -> GrpcService:
        """Return the tree service."""
        return GrpcService(
            SERVICE,
            {
                "ListHierarchies": self.list_hierarchies,
                "GetTree": self.get_tree,
                "RollUpTree": self.roll_up_tree,
                "CreateTreeProposal": self.create_proposal,
                "GetTreeProposal": self.get_proposal,
                "ListTreeProposals": self.list_proposals,
                "CompareTreeProposal": self.compare_proposal,
                "PromoteTreeProposal": self.promote_proposal,
                "WithdrawTreeProposal": self.withdraw_proposal,
            },
        )

    def list_hierarchies(self, request: tree_pb2.ListHierarchiesRequest, call: Call) -> Message:
        """List the hierarchies that records stand in."""
        size, after = page_size(request.page_size), PageToken.decode(request.page_token, request)
        where = tree_scope(request.record_type, request.scope)

        def read(connection: Connection) -> Message:
            scope = self._deciding.entities_within(connection, call)
            contents = self._forest.contents(connection, where, scope)
            names = tree.hierarchies(where.record_type, contents.values())
            behind = [name for name in names if after is None or name > after[0]]
            token = PageToken.encode((behind[size - 1],), request) if len(behind) > size else ""
            return tree_pb2.ListHierarchiesResponse(hierarchies=behind[:size], next_page_token=token)

        return self._transactions.read(read)

    def get_tree(self, request: tree_pb2.GetTreeRequest, call: Call) -> Message:
        """Return a tree or a part of it."""
        asked = self._asked(request, call)
        place = asked.tree.find(request.scope, request.root_key) if request.root_key else None
        if request.root_key and place is None:
            raise ConcordError(
                reasons.ERROR_REASON_RECORD_NOT_FOUND,
                f"there is no {request.root_key} in the tree on {asked.day}",
                metadata={"name": request.root_key},
                resource=(request.record_type, request.root_key),
            )
        nodes = asked.tree.under(place) if place else asked.tree.nodes
        return tree_pb2.GetTreeResponse(
            nodes=[_node(node) for node in nodes],
            problems=asked.problems,
            effective_date=_date(asked.day),
            read_position=asked.position,
        )

    def roll_up_tree(self, request: tree_pb2.RollUpTreeRequest, call: Call) -> Message:
        """Add amounts up along a tree."""
        _require_money(request.amounts)
        asked = self._asked(request, call)
        booked, unplaced = _booked(asked.tree, request)
        totals = asked.tree.roll_up(booked)
        _require_holdable(totals)
        return tree_pb2.RollUpTreeResponse(
            totals=[
                tree_pb2.TreeTotal(node=_node(each.node), own=_moneys(each.own), total=_moneys(each.total))
                for each in totals
            ],
            unplaced=unplaced,
            effective_date=_date(asked.day),
            read_position=asked.position,
        )

    def create_proposal(self, request: tree_pb2.CreateTreeProposalRequest, call: Call) -> Message:
        """Keep a proposal."""
        kept = self._proposals.create(request.tree_proposal, self._deciding.decision(request, call))
        return tree_pb2.CreateTreeProposalResponse(tree_proposal=kept)

    def get_proposal(self, request: tree_pb2.GetTreeProposalRequest, call: Call) -> Message:
        """Return a proposal."""

        def read(connection: Connection) -> Message:
            scope = self._deciding.entities_within(connection, call)
            found = self._proposals.kept.find(connection, request.name, scope)
            return tree_pb2.GetTreeProposalResponse(tree_proposal=self._proposals.kept.present(found))

        return self._transactions.read(read)

    def list_proposals(self, request: tree_pb2.ListTreeProposalsRequest, call: Call) -> Message:
        """List proposals, newest first."""
        size, after = page_size(request.page_size), PageToken.decode(request.page_token, request)
        state = tree_pb2.TreeProposal.State.Name(request.state) if request.state else ""

        def read(connection: Connection) -> Message:
            scope = self._deciding.entities_within(connection, call)
            found = self._proposals.kept.page(connection, state, scope, after[0] if after else None, size + 1)
            shown = [self._proposals.kept.present(revision) for revision in found[:size]]
            token = PageToken.encode((shown[-1].name,), request) if len(found) > size else ""
            return tree_pb2.ListTreeProposalsResponse(tree_proposals=shown, next_page_token=token)

        return self._transactions.read(read)

    def compare_proposal(self, request: tree_pb2.CompareTreeProposalRequest, call: Call) -> Message:
        """Compare what a proposal would make with what is."""
        trial = self._proposals.trial(request.name, Origin.of(call), self._deciding.entities(call))
        found = tree.differences(trial.before, trial.after)
        return tree_pb2.CompareTreeProposalResponse(
            differences=[_difference(each) for each in found], problems=trial.problems
        )

    def promote_proposal(self, request: tree_pb2.PromoteTreeProposalRequest, call: Call) -> Message:
        """Make a proposal true."""
        promoted = self._proposals.promote(request.name, request.etag, self._deciding.decision(request, call))
        return tree_pb2.PromoteTreeProposalResponse(tree_proposal=promoted)

    def withdraw_proposal(self, request: tree_pb2.WithdrawTreeProposalRequest, call: Call) -> Message:
        """Give a proposal up."""
        withdrawn = self._proposals.kept.withdraw(request.name, request.etag, self._deciding.decision(request, call))
        return tree_pb2.WithdrawTreeProposalResponse(tree_proposal=withdrawn)

    def _asked(self, request: tree_pb2.GetTreeRequest | tree_pb2.RollUpTreeRequest, call: Call) -> _Asked:
        where, day = tree_scope(request.record_type, request.scope), day_of(request)
        if request.proposal:
            return self._proposed(request, call, day)

        def read(connection: Connection) -> _Asked:
            position, scope = position_at(connection, request), self._deciding.entities_within(connection, call)
            contents = self._forest.contents(connection, where, scope, position)
            on = day or self._forest.today(connection)
            found = tree_of(where, contents, request.hierarchy, on)
            return _Asked(found, tuple(_problem(each) for each in found.problems), on, position or 0)

        return self._transactions.read(read)

    def _proposed(
        self, request: tree_pb2.GetTreeRequest | tree_pb2.RollUpTreeRequest, call: Call, day: date | None
    ) -> _Asked:
        if request.HasField("read_time"):
            raise constraint_violated([FieldViolation("read_time", "does not go with a proposal")])
        trial = self._proposals.trial(
            request.proposal,
            Origin.of(call),
            self._deciding.entities(call),
            (request.record_type, request.hierarchy, request.scope),
            day,
        )
        problems = (*trial.problems, *(_problem(each) for each in trial.after.problems))
        return _Asked(trial.after, problems, trial.day, 0)


def _require_money(amounts: Iterable[tree_pb2.TreeAmount]) -> None:
    """Raise CONSTRAINT_VIOLATED for what is no amount of a currency."""
    wrong = [
        FieldViolation(f"amounts[{number}].amount", "is no amount of money in a currency")
        for number, each in enumerate(amounts)
        if not each.amount.currency_code or abs(each.amount.nanos) >= NANOS or each.amount.units * each.amount.nanos < 0
    ]
    if wrong:
        raise constraint_violated(wrong)


def _require_holdable(totals: Iterable[tree.Total]) -> None:
    """Raise CONSTRAINT_VIOLATED for sums that no amount of money can hold."""
    sums = (nanos for each in totals for amounts in (each.own, each.total) for nanos in amounts.values())
    if any(abs(nanos) >= _MOST_NANOS for nanos in sums):
        raise constraint_violated([FieldViolation("amounts", "add up to more than an amount of money can hold")])


def _booked(
    found: Tree, request: tree_pb2.RollUpTreeRequest
) -> tuple[Mapping[tree.Place, Amounts], list[tree_pb2.TreeAmount]]:
    """Return the amounts by place and currency, and those that have no place in the tree."""
    booked: defaultdict[tree.Place, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    placed = {node.member.place for node in found.nodes}
    unplaced = []
    for each in request.amounts:
        place = found.find(each.scope or request.scope, each.key, exactly=bool(each.scope))
        if place in placed:
            booked[place][each.amount.currency_code] += each.amount.units * NANOS + each.amount.nanos
        else:
            unplaced.append(each)
    return booked, unplaced


def _moneys(amounts: Amounts) -> list[Money]:
    return [_money(currency, nanos) for currency, nanos in sorted(amounts.items())]


def _money(currency: str, nanos: int) -> Money:
    units, rest = divmod(abs(nanos), NANOS)
    sign = -1 if nanos < 0 else 1
    return Money(currency_code=currency, units=sign * units, nanos=sign * rest)


def _node(node: Node) -> tree_pb2.TreeNode:
    return tree_pb2.TreeNode(
        name=node.member.name,
        key=node.member.key,
        display_name=node.member.display_name,
        parent_key=node.member.parent_key,
        depth=node.depth,
        scope=node.member.scope,
        parent_scope=node.member.above[0] if node.member.above else "",
    )


def _problem(problem: tree.Problem) -> tree_pb2.TreeProblem:
    return tree_pb2.TreeProblem(
        kind=_KINDS[problem.kind],
        scope=problem.scope,
        key=problem.key,
        description=problem.description,
        records=problem.records,
    )


def _difference(difference: tree.Difference) -> tree_pb2.TreeDifference:
    kinds = tree_pb2.TreeDifference
    gone = kinds.KIND_REMOVED if difference.after is None else kinds.KIND_MOVED
    return tree_pb2.TreeDifference(
        name=difference.member.name,
        scope=difference.member.scope,
        key=difference.member.key,
        kind=kinds.KIND_ADDED if difference.before is None else gone,
        parent_before=difference.before.parent_key if difference.before else "",
        parent_after=difference.after.parent_key if difference.after else "",
    )


def _date(day: date) -> Date:
    return Date(year=day.year, month=day.month, day=day.day)
