"""Survivorship rules: kept as records, one set a record type, changed by proposals that a second person promotes."""

from datetime import UTC

from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import survivorship_pb2
from services.mdm.domain import registry as record_types
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.survivorship.ranking import rule_violations
from services.mdm.storage.deciding.decision import Decision
from services.mdm.storage.deciding.etag import etag_of
from services.mdm.storage.deciding.proposals import OUTPUT_ONLY, Proposals, cannot_be_true, set_by_the_hub
from services.mdm.storage.deciding.scope import missing
from services.mdm.storage.records.operation import operation
from services.mdm.storage.registration.registry import RULES
from services.mdm.storage.survivorship.reevaluation import Reevaluation
from services.mesh.errors import ConcordError, FieldViolation, Precondition
from services.mesh.records.leaf import Origin
from services.mesh.records.store import RecordStore, Revision, RevisionDraft, State

PROPOSALS = "survivorship_proposal"
"""What proposals are called in the feed and in the evidence."""

Proposal = survivorship_pb2.SurvivorshipProposal


class SurvivorshipRules:
    """Keeps rules and proposals. Rules hold for every entity, so that they are changed by who is scoped to all."""

    def __init__(self, store: RecordStore, kept: Proposals[Proposal], reevaluation: Reevaluation) -> None:
        self.kept = kept
        self._store = store
        self._reevaluation = reevaluation

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

    def create(self, proposal: Proposal, decision: Decision) -> Proposal:
        """Keep a proposal. Raises UNKNOWN_RECORD_TYPE, RECORD_NOT_FOUND (out of scope), INVALID_CONTENT."""

        def write(connection: Connection) -> tuple[Proposal, tuple[str, ...]]:
            name = name_of(_require_sound(proposal))
            _require_all_entities(name, decision)
            written = Proposal()
            written.CopyFrom(proposal)
            rules = self._store.read(connection, [name]).get(name)
            written.base_revision = rules.revision if rules else 0
            return written, ()

        return self.kept.create(decision, write)

    def withdraw(self, name: str, etag: str, decision: Decision) -> Proposal:
        """Give a proposal up. Raises RECORD_NOT_FOUND, ETAG_MISMATCH, PROPOSAL_SETTLED."""
        _require_all_entities(name, decision)
        return self.kept.withdraw(name, etag, decision)

    def promote(self, name: str, etag: str, decision: Decision) -> Proposal:
        """Put a proposal in force. Raises PROPOSAL_INVALID and as `Proposals.promote`."""
        _require_all_entities(name, decision)
        return self.kept.promote(
            name, etag, decision, lambda connection, it: self._put_in_force(connection, name, it, decision.origin)
        )

    def present(self, revision: Revision) -> survivorship_pb2.SurvivorshipRules:
        """Return a revision of rules as its message."""
        rules = self._store.content(revision, survivorship_pb2.SurvivorshipRules)
        rules.name, rules.revision = revision.record, revision.revision
        rules.etag = etag_of(revision.record, revision.revision)
        rules.retired = revision.state is State.DELETED
        rules.update_time.FromDatetime(revision.created_at.astimezone(UTC))
        return rules

    def _put_in_force(self, connection: Connection, name: str, proposal: Proposal, origin: Origin) -> None:
        """Append the rules' next revision; without groups they retire. Raises PROPOSAL_INVALID."""
        rules = f"survivorshipRules/{proposal.record_type}"
        self._store.lock(connection, [rules])
        before = self._store.read(connection, [rules]).get(rules)
        present = before.revision if before else 0
        if present != proposal.base_revision:
            raise cannot_be_true(name, [Precondition("REVISION", rules, f"is at revision {present} now")])
        is_there = before is not None and before.state is State.ACTIVE
        if not proposal.groups and not is_there:
            raise cannot_be_true(name, [Precondition("RULES", rules, "are not in force: there is nothing to retire")])
        state = State.ACTIVE if proposal.groups else State.DELETED
        content = survivorship_pb2.SurvivorshipRules(
            groups=proposal.groups, proposal=name, author=proposal.author, decider=proposal.decider
        )
        draft = RevisionDraft(
            record=rules,
            record_type=RULES,
            operation=operation(before.head if before else None, state),
            content=content,
            head=before.head if before else None,
            previous=self._store.content(before, survivorship_pb2.SurvivorshipRules) if before else None,
            state=state,
        )
        self._store.append(connection, [draft], origin)


def name_of(record_type: RecordType) -> str:
    """Return the name of a type's rules."""
    return f"survivorshipRules/{record_type.name}"


def _require_all_entities(name: str, decision: Decision) -> None:
    if decision.entities is not None:
        raise missing(RULES, name)


def _require_sound(proposal: Proposal) -> RecordType:
    record_type = record_types.by_name(proposal.record_type)
    if record_type is None:
        raise ConcordError(
            reasons.ERROR_REASON_UNKNOWN_RECORD_TYPE,
            f"the hub has no master {proposal.record_type}",
            metadata={"record_type": proposal.record_type},
            violations=[FieldViolation("survivorship_proposal.record_type", "is no record type")],
        )
    found = set_by_the_hub(proposal, (*OUTPUT_ONLY, "base_revision"))
    found += [FieldViolation(v.field, v.description) for v in rule_violations(record_type, proposal.groups)]
    if found:
        raise ConcordError(
            reasons.ERROR_REASON_INVALID_CONTENT,
            "the proposal does not fit the record type",
            metadata={"type": Proposal.DESCRIPTOR.full_name},
            violations=[FieldViolation(f"survivorship_proposal.{v.field}", v.description) for v in found],
        )
    return record_type
