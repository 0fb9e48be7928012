"""Proposed versions of trees: kept as records, tried out without writing, made true by a second person.

Making a proposal true and trying it out is the same work; a trial is rolled back. So what a comparison tells is what a
promotion does.
"""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import tree_pb2
from services.mdm.domain.effective import to_date
from services.mdm.domain.tree import Tree, bare
from services.mdm.storage.deciding.decision import Decision
from services.mdm.storage.deciding.proposals import Proposals, cannot_be_true, set_by_the_hub
from services.mdm.storage.deciding.scope import missing
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.trees.forest import Forest, tree_of, tree_scope
from services.mdm.storage.trees.promotion import Promotion
from services.mesh.errors import ConcordError, FieldViolation, Precondition
from services.mesh.records.leaf import Origin

RECORD_TYPE = "tree_proposal"
"""What proposals are called in the feed and in the evidence."""

TreeProposal = tree_pb2.TreeProposal


@dataclass(frozen=True)
class Trial:
    """What a proposal would make of its tree on its day, and what stands in the way of it."""

    before: Tree
    after: Tree
    problems: tuple[tree_pb2.TreeProblem, ...]
    day: date


class TreeProposals:
    """Keeps proposals and makes them true."""

    def __init__(
        self, transactions: Transactions, kept: Proposals[TreeProposal], forest: Forest, promotion: Promotion
    ) -> None:
        self.kept = kept
        self._transactions = transactions
        self._forest = forest
        self._promotion = promotion

    def create(self, proposal: TreeProposal, decision: Decision) -> TreeProposal:
        """Keep a proposal. Raises UNKNOWN_RECORD_TYPE, RECORD_NOT_FOUND (its scope), INVALID_CONTENT."""

        def write(connection: Connection) -> tuple[TreeProposal, tuple[str, ...]]:
            _require_sound(proposal)
            where = tree_scope(proposal.record_type, proposal.scope)
            contents = self._forest.contents(connection, where, decision.entities)
            return proposal, self._forest.owners(connection, where, contents)

        return self.kept.create(decision, write)

    def promote(self, name: str, etag: str, decision: Decision) -> TreeProposal:
        """Make a proposal true. Raises PROPOSAL_INVALID and as `Proposals.promote`."""

        def enact(connection: Connection, proposal: TreeProposal) -> None:
            problems = self._promotion.make(connection, proposal, decision.origin, decision.entities)
            if problems:
                raise cannot_be_true(name, [_in_the_way(each) for each in problems])

        return self.kept.promote(name, etag, decision, enact)

    def trial(
        self,
        name: str,
        origin: Origin,
        entities: frozenset[str] | None,
        about: tuple[str, str, str] | None = None,
        day: date | None = None,
    ) -> Trial:
        """Try a proposal out and roll everything back. Raises RECORD_NOT_FOUND, PROPOSAL_SETTLED.

        The trees are those of the proposal's day, or of `day`. A proposal for another tree than (record type,
        hierarchy, scope) in `about` is not found.
        """

        def work(connection: Connection) -> Trial:
            _, proposal = self.kept.held(connection, name, entities)
            if about and about != (proposal.record_type, proposal.hierarchy, proposal.scope):
                raise missing(RECORD_TYPE, name)
            where = tree_scope(proposal.record_type, proposal.scope)
            on = day or to_date(proposal.effective_date)
            before = self._forest.contents(connection, where, entities)
            problems = self._promotion.make(connection, proposal, origin, entities)
            after = self._forest.contents(connection, where, entities)
            was, will = (tree_of(where, contents, proposal.hierarchy, on) for contents in (before, after))
            return Trial(was, will, problems, on)

        return self._transactions.write(work, rehearsal=True)


def _require_sound(proposal: TreeProposal) -> None:
    violations = set_by_the_hub(proposal)
    keys = [(change.scope, bare(change.key)) for change in proposal.changes]
    violations += [
        FieldViolation(f"changes[{number}].key", "comes more than once")
        for number, key in enumerate(keys)
        if key in keys[:number]
    ]
    violations += [
        FieldViolation(f"changes[{number}].parent_key", "is blank")
        for number, change in enumerate(proposal.changes)
        if change.parent_key and not bare(change.parent_key)
    ]
    try:
        to_date(proposal.effective_date)
    except ValueError:
        violations.append(FieldViolation("effective_date", "is no full date of the calendar"))
    if violations:
        raise ConcordError(
            reasons.ERROR_REASON_INVALID_CONTENT,
            "the proposal contradicts itself",
            metadata={"type": TreeProposal.DESCRIPTOR.full_name},
            violations=[FieldViolation(f"tree_proposal.{v.field}", v.description) for v in violations],
        )


def _in_the_way(problem: tree_pb2.TreeProblem) -> Precondition:
    kind = tree_pb2.TreeProblem.Kind.Name(problem.kind).removeprefix("KIND_")
    return Precondition(kind, problem.key, problem.description)
