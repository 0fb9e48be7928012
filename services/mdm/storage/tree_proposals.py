"""Proposed versions of trees: kept as records, tried out without writing, made true by a second person.

Making a proposal true and trying it out is the same work; a trial is rolled back. So what a comparison tells is what a
promotion does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from concord.audit.v1 import audit_pb2
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import tree_pb2
from services.mdm.domain.effective import to_date
from services.mdm.domain.indexing import IndexEntry
from services.mdm.domain.tree import Tree, bare
from services.mdm.storage import record_index
from services.mdm.storage.etag import etag_of, require_etag
from services.mdm.storage.forest import Forest, tree_of, tree_scope
from services.mdm.storage.promotion import Promotion
from services.mdm.storage.scope import in_scope
from services.mdm.storage.stewardship import Decision
from services.mdm.storage.transactions import Transactions
from services.mesh.database import driver
from services.mesh.errors import ConcordError, FieldViolation, Precondition
from services.mesh.records.idempotency import Answer
from services.mesh.records.leaf import Origin
from services.mesh.records.store import RecordStore, Revision, RevisionDraft

RECORD_TYPE = "tree_proposal"
"""What proposals are called in the feed and in the evidence."""

State = tree_pb2.TreeProposal.State

_OUTPUT_ONLY = ("name", "etag", "revision", "update_time", "state", "author", "decider")
_PAGE = """
SELECT r.record FROM records r
WHERE r.record_type = %(type)s AND r.record < %(before)s
AND (%(scope)s::text[] IS NULL OR r.entities && %(scope)s)
AND (%(state)s = '' OR EXISTS (SELECT FROM record_index i WHERE i.record = r.record AND i.record_type = %(type)s
    AND i.path = 'state' AND i.value = %(state)s AND i.to_revision IS NULL))
ORDER BY r.record DESC LIMIT %(limit)s
"""
_BEHIND_ALL = "treeProposals/~"


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
        self,
        transactions: Transactions,
        store: RecordStore,
        forest: Forest,
        promotion: Promotion,
        new_id: Callable[[], str],
    ) -> None:
        self._transactions = transactions
        self._store = store
        self._forest = forest
        self._promotion = promotion
        self._new_id = new_id

    def create(self, proposal: tree_pb2.TreeProposal, decision: Decision) -> tree_pb2.TreeProposal:
        """Keep a proposal. Raises UNKNOWN_RECORD_TYPE, RECORD_NOT_FOUND (its scope), INVALID_CONTENT."""

        def apply(connection: Connection) -> Answer:
            _require_sound(proposal)
            where = tree_scope(proposal.record_type, proposal.scope)
            contents = self._forest.contents(connection, where, decision.entities)
            kept = tree_pb2.TreeProposal()
            kept.CopyFrom(proposal)
            kept.state, kept.author = State.STATE_PROPOSED, decision.key.principal
            owners = self._forest.owners(connection, where, contents)
            return self._append(connection, f"treeProposals/{self._new_id()}", kept, None, owners, decision.origin)

        return self._decide(decision, apply)

    def withdraw(self, name: str, etag: str, decision: Decision) -> tree_pb2.TreeProposal:
        """Give a proposal up. Raises RECORD_NOT_FOUND, ETAG_MISMATCH, PROPOSAL_SETTLED."""

        def apply(connection: Connection) -> Answer:
            revision, proposal = self._waiting(connection, name, decision.entities)
            require_etag(name, revision.revision, etag)
            proposal.state, proposal.decider = State.STATE_WITHDRAWN, decision.key.principal
            return self._append(connection, name, proposal, revision, revision.entities, decision.origin)

        return self._decide(decision, apply)

    def promote(self, name: str, etag: str, decision: Decision) -> tree_pb2.TreeProposal:
        """Make a proposal true. Raises SECOND_PERSON_REQUIRED, PROPOSAL_INVALID and as `withdraw`."""

        def apply(connection: Connection) -> Answer:
            revision, proposal = self._waiting(connection, name, decision.entities)
            require_etag(name, revision.revision, etag)
            if proposal.author == decision.key.principal:
                raise ConcordError(
                    reasons.ERROR_REASON_SECOND_PERSON_REQUIRED,
                    "who proposed it does not promote it",
                    metadata={"name": name, "author": proposal.author},
                )
            problems = self._promotion.make(connection, proposal, decision.origin, decision.entities)
            if problems:
                raise _invalid(name, problems)
            proposal.state, proposal.decider = State.STATE_PROMOTED, decision.key.principal
            return self._append(connection, name, proposal, revision, revision.entities, decision.origin)

        return self._decide(decision, apply)

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
            _, proposal = self._waiting(connection, name, entities)
            if about and about != (proposal.record_type, proposal.hierarchy, proposal.scope):
                raise _not_found(name)
            where = tree_scope(proposal.record_type, proposal.scope)
            on = day or to_date(proposal.effective_date)
            before = self._forest.contents(connection, where, entities)
            problems = self._promotion.make(connection, proposal, origin, entities)
            after = self._forest.contents(connection, where, entities)
            was, will = (tree_of(where, contents, proposal.hierarchy, on) for contents in (before, after))
            return Trial(was, will, problems, on)

        return self._transactions.write(work, rehearsal=True)

    def find(self, connection: Connection, name: str, entities: frozenset[str] | None) -> Revision:
        """Return a proposal's newest revision. Raises RECORD_NOT_FOUND."""
        revision = self._store.read(connection, [name]).get(name)
        if revision is None or revision.record_type != RECORD_TYPE or not in_scope(revision.entities, entities):
            raise _not_found(name)
        return revision

    def page(
        self, connection: Connection, state: str, entities: frozenset[str] | None, before: str | None, limit: int
    ) -> list[Revision]:
        """Return proposals, newest first (their ids are time-ordered), those behind `before`; `state` "" = all."""
        arguments: Mapping[str, object] = {
            "type": RECORD_TYPE,
            "before": before or _BEHIND_ALL,
            "scope": None if entities is None else sorted(entities),
            "state": state,
            "limit": limit,
        }
        names = [name for (name,) in driver(connection).execute(_PAGE, arguments)]
        revisions = self._store.read(connection, names)
        return [revisions[name] for name in names]

    def present(self, revision: Revision) -> tree_pb2.TreeProposal:
        """Return a proposal's revision as its message."""
        proposal = self._store.content(revision, tree_pb2.TreeProposal)
        proposal.name = revision.record
        proposal.etag = etag_of(revision.record, revision.revision)
        proposal.revision = revision.revision
        proposal.update_time.FromDatetime(revision.created_at)
        return proposal

    def _waiting(
        self, connection: Connection, name: str, entities: frozenset[str] | None
    ) -> tuple[Revision, tree_pb2.TreeProposal]:
        self._store.lock(connection, [name])
        revision = self.find(connection, name, entities)
        proposal = self._store.content(revision, tree_pb2.TreeProposal)
        if proposal.state != State.STATE_PROPOSED:
            state = State.Name(proposal.state).removeprefix("STATE_")
            raise ConcordError(
                reasons.ERROR_REASON_PROPOSAL_SETTLED,
                f"{name} was {state.lower()} already",
                metadata={"name": name, "state": state},
            )
        return revision, proposal

    def _append(  # noqa: PLR0913 - a revision has many parts
        self,
        connection: Connection,
        name: str,
        proposal: tree_pb2.TreeProposal,
        before: Revision | None,
        entities: tuple[str, ...],
        origin: Origin,
    ) -> Answer:
        previous = self._store.content(before, tree_pb2.TreeProposal) if before else None
        draft = RevisionDraft(
            record=name,
            record_type=RECORD_TYPE,
            operation=audit_pb2.OPERATION_UPDATE if before else audit_pb2.OPERATION_CREATE,
            content=proposal,
            head=self._store.lock(connection, [name])[name] if before else None,
            previous=previous,
            entities=entities,
        )
        self._store.append(connection, [draft], origin)
        there, now = _entries(previous), _entries(proposal)
        changed = record_index.Indexed(RECORD_TYPE, name, draft.revision, there, now)
        record_index.put(connection, self._store.sealer, [changed])
        return Answer(name, draft.revision)

    def _decide(self, decision: Decision, apply: Callable[[Connection], Answer]) -> tree_pb2.TreeProposal:
        def present(connection: Connection, answer: Answer) -> tree_pb2.TreeProposal:
            self.find(connection, answer.record, decision.entities)
            pair = (answer.record, answer.revision)
            return self.present(self._store.read_revisions(connection, [pair])[pair])

        return self._transactions.once(decision.key, decision.request, apply, present, rehearsal=decision.rehearsal)


def _not_found(name: str) -> ConcordError:
    return ConcordError(
        reasons.ERROR_REASON_RECORD_NOT_FOUND,
        f"there is no {name}",
        metadata={"name": name},
        resource=(RECORD_TYPE, name),
    )


def _require_sound(proposal: tree_pb2.TreeProposal) -> None:
    said = {field.name for field, _ in proposal.ListFields()}
    violations = [FieldViolation(field, "is set by the hub") for field in _OUTPUT_ONLY if field in said]
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
            metadata={"type": tree_pb2.TreeProposal.DESCRIPTOR.full_name},
            violations=[FieldViolation(f"tree_proposal.{v.field}", v.description) for v in violations],
        )


def _invalid(name: str, problems: tuple[tree_pb2.TreeProblem, ...]) -> ConcordError:
    return ConcordError(
        reasons.ERROR_REASON_PROPOSAL_INVALID,
        f"{len(problems)} problems stand in the way",
        metadata={"name": name, "problems": str(len(problems))},
        preconditions=[
            Precondition(tree_pb2.TreeProblem.Kind.Name(each.kind).removeprefix("KIND_"), each.key, each.description)
            for each in problems
        ],
    )


def _entries(proposal: tree_pb2.TreeProposal | None) -> frozenset[IndexEntry]:
    return frozenset([IndexEntry("state", State.Name(proposal.state), restricted=False)] if proposal else [])
