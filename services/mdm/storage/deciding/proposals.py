"""Proposals: what one person writes down and another makes true. Kept as records, and settled once.

What is proposed, and what making it true means, is its kind's part: trees, survivorship rules, code maps.
"""

from collections.abc import Callable
from datetime import UTC
from typing import Generic, NamedTuple, TypeVar

from sqlalchemy import Connection

from concord.audit.v1 import audit_pb2
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import code_map_proposal_pb2, survivorship_pb2, tree_pb2
from services.mdm.domain.indexing import IndexEntry
from services.mdm.storage.deciding.decision import Decision
from services.mdm.storage.deciding.etag import etag_of, require_etag
from services.mdm.storage.deciding.scope import known
from services.mdm.storage.deciding.second_person import require_second_person
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.tables import record_index
from services.mesh.errors import ConcordError, FieldViolation, Precondition
from services.mesh.postgres.database import driver
from services.mesh.records.idempotency import Answer
from services.mesh.records.leaf import Origin
from services.mesh.records.store import RecordStore, Revision, RevisionDraft

P = TypeVar("P", tree_pb2.TreeProposal, survivorship_pb2.SurvivorshipProposal, code_map_proposal_pb2.CodeMapProposal)

OUTPUT_ONLY = ("name", "etag", "revision", "update_time", "state", "author", "decider")
"""The fields that the hub sets in proposals of every kind."""

_ASKED = """
FROM records r WHERE r.record_type = %(type)s AND (%(scope)s::text[] IS NULL OR r.entities && %(scope)s)
AND (%(state)s = '' OR EXISTS (SELECT FROM record_index i WHERE i.record = r.record AND i.record_type = %(type)s
    AND i.path = 'state' AND i.value = %(state)s AND i.to_revision IS NULL))
"""
_PAGE = f"SELECT r.record {_ASKED} AND r.record < %(before)s ORDER BY r.record DESC LIMIT %(limit)s"
_COUNT = f"SELECT count(*) {_ASKED}"


class Held(NamedTuple, Generic[P]):
    """A proposal that waits, held until the transaction ends."""

    revision: Revision
    proposal: P


class Proposals(Generic[P]):
    """Keeps the proposals of one kind; `record_type` is what they are called in the feed and in the evidence."""

    def __init__(  # noqa: PLR0913 - what a kind of records is made of
        self,
        transactions: Transactions,
        store: RecordStore,
        kind: type[P],
        record_type: str,
        collection: str,
        new_id: Callable[[], str],
    ) -> None:
        self.record_type = record_type
        self._transactions = transactions
        self._store = store
        self._kind: type[P] = kind
        self._collection = collection
        self._new_id = new_id

    def create(self, decision: Decision, write: Callable[[Connection], tuple[P, tuple[str, ...]]]) -> P:
        """Keep what `write` gives, a proposal and the entities that it belongs to. Raises what `write` raises."""

        def apply(connection: Connection) -> Answer:
            said, entities = write(connection)
            proposal = self._kind()
            proposal.CopyFrom(said)
            proposal.state, proposal.author = self._kind.STATE_PROPOSED, decision.key.principal
            name = f"{self._collection}/{self._new_id()}"
            return self._append(connection, name, proposal, None, entities, decision.origin)

        return self._decide(decision, apply)

    def withdraw(self, name: str, etag: str, decision: Decision) -> P:
        """Give a proposal up. Raises RECORD_NOT_FOUND, ETAG_MISMATCH, PROPOSAL_SETTLED."""

        def apply(connection: Connection) -> Answer:
            revision, proposal = self.held(connection, name, decision.entities)
            require_etag(name, revision.revision, etag)
            proposal.state, proposal.decider = self._kind.STATE_WITHDRAWN, decision.key.principal
            return self._append(connection, name, proposal, revision, revision.entities, decision.origin)

        return self._decide(decision, apply)

    def promote(self, name: str, etag: str, decision: Decision, enact: Callable[[Connection, P], None]) -> P:
        """Make a proposal true, which `enact` does. Raises SECOND_PERSON_REQUIRED, as `withdraw`, and as `enact`."""

        def apply(connection: Connection) -> Answer:
            revision, proposal = self.held(connection, name, decision.entities)
            require_etag(name, revision.revision, etag)
            require_second_person(name, proposal.author, decision.key.principal)
            proposal.state, proposal.decider = self._kind.STATE_PROMOTED, decision.key.principal
            enact(connection, proposal)
            return self._append(connection, name, proposal, revision, revision.entities, decision.origin)

        return self._decide(decision, apply)

    def find(self, connection: Connection, name: str, entities: frozenset[str] | None) -> Revision:
        """Return a proposal's newest revision. Raises RECORD_NOT_FOUND."""
        return known(self._store.read(connection, [name]).get(name), self.record_type, name, entities)

    def waiting(self, connection: Connection, name: str, entities: frozenset[str] | None) -> Held[P]:
        """Return a proposal that waits for a decision. Raises RECORD_NOT_FOUND, PROPOSAL_SETTLED."""
        revision = self.find(connection, name, entities)
        proposal = self._store.content(revision, self._kind)
        if proposal.state != self._kind.STATE_PROPOSED:
            state = self._kind.State.Name(proposal.state).removeprefix("STATE_")
            raise ConcordError(
                reasons.ERROR_REASON_PROPOSAL_SETTLED,
                f"{name} was {state.lower()} already",
                metadata={"name": name, "state": state},
            )
        return Held(revision, proposal)

    def held(self, connection: Connection, name: str, entities: frozenset[str] | None) -> Held[P]:
        """Return the same, and keep others from settling it until the transaction ends."""
        self._store.lock(connection, [name])
        return self.waiting(connection, name, entities)

    def page(
        self, connection: Connection, state: str, entities: frozenset[str] | None, before: str | None, limit: int
    ) -> list[Revision]:
        """Return proposals, newest first (their ids are time-ordered), those behind `before`; `state` "" = all."""
        asked = self._asked(state, entities) | {"before": before or f"{self._collection}/~", "limit": limit}
        names = [name for (name,) in driver(connection).execute(_PAGE.encode(), asked)]
        revisions = self._store.read(connection, names)
        return [revisions[name] for name in names]

    def count(self, connection: Connection, state: str, entities: frozenset[str] | None) -> int:
        """Count the proposals in a state; "" = all."""
        row = driver(connection).execute(_COUNT.encode(), self._asked(state, entities)).fetchone()
        return row[0] if row else 0

    def present(self, revision: Revision) -> P:
        """Return a proposal's revision as its message."""
        proposal = self._store.content(revision, self._kind)
        proposal.name, proposal.revision = revision.record, revision.revision
        proposal.etag = etag_of(revision.record, revision.revision)
        proposal.update_time.FromDatetime(revision.created_at.astimezone(UTC))
        return proposal

    def _asked(self, state: str, entities: frozenset[str] | None) -> dict[str, object]:
        scope = None if entities is None else sorted(entities)
        return {"type": self.record_type, "scope": scope, "state": state}

    def _append(  # noqa: PLR0913 - a revision has many parts
        self,
        connection: Connection,
        name: str,
        proposal: P,
        before: Revision | None,
        entities: tuple[str, ...],
        origin: Origin,
    ) -> Answer:
        previous = self._store.content(before, self._kind) if before else None
        draft = RevisionDraft(
            record=name,
            record_type=self.record_type,
            operation=audit_pb2.OPERATION_UPDATE if before else audit_pb2.OPERATION_CREATE,
            content=proposal,
            head=before.head if before else None,
            previous=previous,
            entities=entities,
        )
        self._store.append(connection, [draft], origin)
        there, now = self._entries(previous), self._entries(proposal)
        changed = record_index.Indexed(self.record_type, name, draft.revision, there, now)
        record_index.put(connection, self._store.sealer, [changed])
        return Answer(name, draft.revision)

    def _entries(self, proposal: P | None) -> frozenset[IndexEntry]:
        if proposal is None:
            return frozenset()
        return frozenset([IndexEntry("state", self._kind.State.Name(proposal.state), restricted=False)])

    def _decide(self, decision: Decision, apply: Callable[[Connection], Answer]) -> P:
        def present(connection: Connection, answer: Answer) -> P:
            self.find(connection, answer.record, decision.entities)
            pair = (answer.record, answer.revision)
            return self.present(self._store.read_revisions(connection, [pair])[pair])

        return self._transactions.once(decision.key, decision.request, apply, present, rehearsal=decision.rehearsal)


def set_by_the_hub(proposal: P, fields: tuple[str, ...] = OUTPUT_ONLY) -> list[FieldViolation]:
    """Return what is wrong where a caller says what only the hub does."""
    said = {field.name for field, _ in proposal.ListFields()}
    return [FieldViolation(field, "is set by the hub") for field in fields if field in said]


def cannot_be_true(name: str, problems: list[Precondition]) -> ConcordError:
    """Return why a proposal can't be promoted."""
    return ConcordError(
        reasons.ERROR_REASON_PROPOSAL_INVALID,
        f"{len(problems)} problems stand in the way",
        metadata={"name": name, "problems": str(len(problems))},
        preconditions=problems,
    )
