"""Survivorship rules: kept as records, changed by proposals that a second person promotes, compared without writing."""

from collections.abc import Callable
from datetime import UTC

from sqlalchemy import Connection

from concord.audit.v1 import audit_pb2
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import survivorship_pb2
from services.mdm.domain import registry as record_types
from services.mdm.domain.indexing import IndexEntry
from services.mdm.domain.ranking import rule_violations
from services.mdm.domain.record_type import RecordType
from services.mdm.storage import record_index
from services.mdm.storage.etag import etag_of, require_etag
from services.mdm.storage.reevaluation import Reevaluation
from services.mdm.storage.registrations import missing
from services.mdm.storage.registry import RULES
from services.mdm.storage.stewardship import Decision
from services.mdm.storage.transactions import Transactions
from services.mesh.database import driver
from services.mesh.errors import ConcordError, FieldViolation, Precondition
from services.mesh.records.idempotency import Answer
from services.mesh.records.leaf import Origin
from services.mesh.records.store import Head, RecordStore, Revision, RevisionDraft

PROPOSALS = "survivorship_proposal"
"""What proposals are called in the feed and in the evidence."""

State = survivorship_pb2.SurvivorshipProposal.State

_OUTPUT_ONLY = ("name", "etag", "revision", "update_time", "state", "author", "decider", "base_revision")
_ASKED = """
FROM records r WHERE r.record_type = 'survivorship_proposal'
AND (%(state)s = '' OR EXISTS (SELECT FROM record_index i WHERE i.record = r.record AND i.path = 'state'
    AND i.record_type = 'survivorship_proposal' AND i.value = %(state)s AND i.to_revision IS NULL))
"""
_PAGE = f"SELECT r.record {_ASKED} AND r.record < %(before)s ORDER BY r.record DESC LIMIT %(limit)s"
_COUNT = f"SELECT count(*) {_ASKED}"
_BEHIND_ALL = "survivorshipProposals/~"


class SurvivorshipRules:
    """Keeps rules and proposals. Rules hold for every entity, so that they are changed by who is scoped to all."""

    def __init__(
        self,
        transactions: Transactions,
        store: RecordStore,
        reevaluation: Reevaluation,
        new_id: Callable[[], str],
    ) -> None:
        self._transactions = transactions
        self._store = store
        self._reevaluation = reevaluation
        self._new_id = new_id

    def rules(self, connection: Connection, record_type: RecordType) -> survivorship_pb2.SurvivorshipRules:
        """Return the rules of a type, with how far golden records follow them; unregistered ones have revision 0."""
        name = name_of(record_type)
        revision = self._store.read(connection, [name]).get(name)
        rules = survivorship_pb2.SurvivorshipRules(name=name)
        if revision is not None:
            rules = self.present(revision)
        standing = self._reevaluation.standing(connection, record_type)
        if standing is not None:
            followed = rules.reevaluation
            followed.finished, followed.examined_count = standing.finished, standing.examined
            followed.changed_count = standing.changed
            followed.start_time.FromDatetime(standing.started_at.astimezone(UTC))
            followed.update_time.FromDatetime(standing.updated_at.astimezone(UTC))
        return rules

    def create(
        self, proposal: survivorship_pb2.SurvivorshipProposal, decision: Decision
    ) -> survivorship_pb2.SurvivorshipProposal:
        """Keep a proposal. Raises UNKNOWN_RECORD_TYPE, RECORD_NOT_FOUND (out of scope), INVALID_CONTENT."""

        def apply(connection: Connection) -> Answer:
            record_type = _require_sound(proposal)
            _require_all_entities(name_of(record_type), decision)
            kept = survivorship_pb2.SurvivorshipProposal()
            kept.CopyFrom(proposal)
            kept.state, kept.author = State.STATE_PROPOSED, decision.key.principal
            rules = self._store.read(connection, [name_of(record_type)])
            kept.base_revision = next((each.revision for each in rules.values()), 0)
            return self._append(connection, f"survivorshipProposals/{self._new_id()}", kept, None, decision.origin)

        return self._decide(decision, apply)

    def withdraw(self, name: str, etag: str, decision: Decision) -> survivorship_pb2.SurvivorshipProposal:
        """Give a proposal up. Raises RECORD_NOT_FOUND, ETAG_MISMATCH, PROPOSAL_SETTLED."""

        def apply(connection: Connection) -> Answer:
            revision, proposal = self._held(connection, name, etag, decision)
            proposal.state, proposal.decider = State.STATE_WITHDRAWN, decision.key.principal
            return self._append(connection, name, proposal, revision, decision.origin)

        return self._decide(decision, apply)

    def promote(self, name: str, etag: str, decision: Decision) -> survivorship_pb2.SurvivorshipProposal:
        """Put a proposal in force. Raises SECOND_PERSON_REQUIRED, PROPOSAL_INVALID and as `withdraw`."""

        def apply(connection: Connection) -> Answer:
            revision, proposal = self._held(connection, name, etag, decision)
            if proposal.author == decision.key.principal:
                raise ConcordError(
                    reasons.ERROR_REASON_SECOND_PERSON_REQUIRED,
                    "who proposed it does not promote it",
                    metadata={"name": name, "author": proposal.author},
                )
            proposal.state, proposal.decider = State.STATE_PROMOTED, decision.key.principal
            self._put_in_force(connection, name, proposal, decision.origin)
            return self._append(connection, name, proposal, revision, decision.origin)

        return self._decide(decision, apply)

    def waiting(self, connection: Connection, name: str) -> survivorship_pb2.SurvivorshipProposal:
        """Return a proposal that waits for a decision. Raises RECORD_NOT_FOUND, PROPOSAL_SETTLED."""
        proposal = self._store.content(self.find(connection, name), survivorship_pb2.SurvivorshipProposal)
        if proposal.state != State.STATE_PROPOSED:
            state = State.Name(proposal.state).removeprefix("STATE_")
            raise ConcordError(
                reasons.ERROR_REASON_PROPOSAL_SETTLED,
                f"{name} was {state.lower()} already",
                metadata={"name": name, "state": state},
            )
        return proposal

    def find(self, connection: Connection, name: str) -> Revision:
        """Return a proposal's newest revision. Raises RECORD_NOT_FOUND."""
        revision = self._store.read(connection, [name]).get(name)
        if revision is None or revision.record_type != PROPOSALS:
            raise missing(PROPOSALS, name)
        return revision

    def page(self, connection: Connection, state: str, before: str | None, limit: int) -> list[Revision]:
        """Return proposals, newest first (their ids are time-ordered), those behind `before`; `state` "" = all."""
        asked = {"state": state, "before": before or _BEHIND_ALL, "limit": limit}
        names = [name for (name,) in driver(connection).execute(_PAGE.encode(), asked)]
        revisions = self._store.read(connection, names)
        return [revisions[name] for name in names]

    def count(self, connection: Connection, state: str) -> int:
        """Count the proposals in a state; "" = all."""
        row = driver(connection).execute(_COUNT.encode(), {"state": state}).fetchone()
        return row[0] if row else 0

    def present(self, revision: Revision) -> survivorship_pb2.SurvivorshipRules:
        """Return a revision of rules as its message."""
        rules = self._store.content(revision, survivorship_pb2.SurvivorshipRules)
        _add_metadata(rules, revision)
        return rules

    def present_proposal(self, revision: Revision) -> survivorship_pb2.SurvivorshipProposal:
        """Return a proposal's revision as its message."""
        proposal = self._store.content(revision, survivorship_pb2.SurvivorshipProposal)
        _add_metadata(proposal, revision)
        return proposal

    def _held(
        self, connection: Connection, name: str, etag: str, decision: Decision
    ) -> tuple[Revision, survivorship_pb2.SurvivorshipProposal]:
        _require_all_entities(name, decision)
        self._store.lock(connection, [name])
        proposal = self.waiting(connection, name)
        revision = self.find(connection, name)
        require_etag(name, revision.revision, etag)
        return revision, proposal

    def _put_in_force(
        self,
        connection: Connection,
        name: str,
        proposal: survivorship_pb2.SurvivorshipProposal,
        origin: Origin,
    ) -> None:
        """Append the rules' next revision. Raises PROPOSAL_INVALID when they changed since the proposal was made."""
        rules = f"survivorshipRules/{proposal.record_type}"
        head = self._store.lock(connection, [rules])[rules]
        present = head.revision if head else 0
        if present != proposal.base_revision:
            raise ConcordError(
                reasons.ERROR_REASON_PROPOSAL_INVALID,
                f"{rules} changed since it was proposed",
                metadata={"name": name, "problems": "1"},
                preconditions=[Precondition("REVISION", rules, f"is at revision {present} now")],
            )
        content = survivorship_pb2.SurvivorshipRules(
            groups=proposal.groups, proposal=name, author=proposal.author, decider=proposal.decider
        )
        before = self._store.read(connection, [rules]).get(rules)
        self._store.append(connection, [_draft(rules, RULES, content, before, head, self._store)], origin)

    def _append(
        self,
        connection: Connection,
        name: str,
        proposal: survivorship_pb2.SurvivorshipProposal,
        before: Revision | None,
        origin: Origin,
    ) -> Answer:
        draft = _draft(name, PROPOSALS, proposal, before, before.head if before else None, self._store)
        self._store.append(connection, [draft], origin)
        previous = self._store.content(before, survivorship_pb2.SurvivorshipProposal) if before else None
        changed = record_index.Indexed(PROPOSALS, name, draft.revision, _entries(previous), _entries(proposal))
        record_index.put(connection, self._store.sealer, [changed])
        return Answer(name, draft.revision)

    def _decide(
        self, decision: Decision, apply: Callable[[Connection], Answer]
    ) -> survivorship_pb2.SurvivorshipProposal:
        def present(connection: Connection, answer: Answer) -> survivorship_pb2.SurvivorshipProposal:
            pair = (answer.record, answer.revision)
            return self.present_proposal(self._store.read_revisions(connection, [pair])[pair])

        return self._transactions.once(decision.key, decision.request, apply, present, rehearsal=decision.rehearsal)


def name_of(record_type: RecordType) -> str:
    """Return the name of a type's rules."""
    return f"survivorshipRules/{record_type.name}"


def _draft(  # noqa: PLR0913 - a revision has many parts
    name: str,
    kind: str,
    content: survivorship_pb2.SurvivorshipRules | survivorship_pb2.SurvivorshipProposal,
    before: Revision | None,
    head: Head | None,
    store: RecordStore,
) -> RevisionDraft:
    return RevisionDraft(
        record=name,
        record_type=kind,
        operation=audit_pb2.OPERATION_UPDATE if before else audit_pb2.OPERATION_CREATE,
        content=content,
        head=head,
        previous=store.content(before, type(content)) if before else None,
    )


def _add_metadata(
    message: survivorship_pb2.SurvivorshipRules | survivorship_pb2.SurvivorshipProposal, revision: Revision
) -> None:
    message.name, message.revision = revision.record, revision.revision
    message.etag = etag_of(revision.record, revision.revision)
    message.update_time.FromDatetime(revision.created_at.astimezone(UTC))


def _require_all_entities(name: str, decision: Decision) -> None:
    if decision.entities is not None:
        raise missing(RULES, name)


def _require_sound(proposal: survivorship_pb2.SurvivorshipProposal) -> RecordType:
    record_type = record_types.by_name(proposal.record_type)
    if record_type is None:
        raise ConcordError(
            reasons.ERROR_REASON_UNKNOWN_RECORD_TYPE,
            f"the hub has no master {proposal.record_type}",
            metadata={"record_type": proposal.record_type},
            violations=[FieldViolation("survivorship_proposal.record_type", "is no record type")],
        )
    said = {field.name for field, _ in proposal.ListFields()}
    found = [FieldViolation(field, "is set by the hub") for field in _OUTPUT_ONLY if field in said]
    found += [FieldViolation(v.field, v.description) for v in rule_violations(record_type, proposal.groups)]
    if found:
        raise ConcordError(
            reasons.ERROR_REASON_INVALID_CONTENT,
            "the proposal does not fit the record type",
            metadata={"type": survivorship_pb2.SurvivorshipProposal.DESCRIPTOR.full_name},
            violations=[FieldViolation(f"survivorship_proposal.{v.field}", v.description) for v in found],
        )
    return record_type


def _entries(proposal: survivorship_pb2.SurvivorshipProposal | None) -> frozenset[IndexEntry]:
    return frozenset([IndexEntry("state", State.Name(proposal.state), restricted=False)] if proposal else [])
