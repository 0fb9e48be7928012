"""Legal holds: revisioned records, with a table that says which are in force, which the database itself obeys."""

from collections.abc import Callable, Collection
from datetime import UTC

from sqlalchemy import Connection

from concord.audit.v1 import audit_pb2
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import hold_pb2
from services.mdm.storage.deciding.decision import Decision
from services.mdm.storage.deciding.etag import etag_of, require_etag
from services.mdm.storage.deciding.scope import in_scope, missing
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.registration.registry import Landscape, Registry
from services.mdm.storage.tables import match_keys
from services.mesh.errors import ConcordError, Precondition
from services.mesh.postgres.database import driver
from services.mesh.records.idempotency import Answer
from services.mesh.records.store import Head, RecordStore, Revision, RevisionDraft, State, require_unerased

RECORD_TYPE = "legal_hold"
"""What holds are called in the feed and in the evidence; the audit obeys those that it sees there."""

EVERYTHING = "*"

_IN_FORCE = "SELECT record, subject FROM holds WHERE NOT released ORDER BY record"
_PUT = "INSERT INTO holds (record, revision, subject, released) VALUES (%s, %s, %s, false)"
_RELEASE = "UPDATE holds SET revision = %s, released = true WHERE record = %s"
_PAGE = """
SELECT h.record FROM holds h JOIN records r USING (record)
WHERE h.record < %(before)s AND (%(released)s OR NOT h.released)
AND (%(scope)s::text[] IS NULL OR r.entities && %(scope)s)
ORDER BY h.record DESC LIMIT %(limit)s
"""
_EVER_OF = "SELECT DISTINCT unnest(entities) AS entity FROM changes WHERE record = %s ORDER BY entity"
_BEHIND_ALL = "holds/~"


class Holds:
    """Places, releases and lists legal holds."""

    def __init__(
        self, transactions: Transactions, store: RecordStore, registry: Registry, new_id: Callable[[], str]
    ) -> None:
        self._transactions = transactions
        self._store = store
        self._registry = registry
        self._new_id = new_id

    def place(self, subject: str, reason: str, decision: Decision) -> hold_pb2.Hold:
        """Place a hold. Raises RECORD_NOT_FOUND (its subject), RECORD_ERASED."""

        def apply(connection: Connection) -> Answer:
            keep_still(connection)
            entities = self._entities(connection, subject, decision)
            hold = hold_pb2.Hold(subject=subject, reason=reason, placed_by=decision.key.principal)
            draft = RevisionDraft(
                record=f"holds/{self._new_id()}",
                record_type=RECORD_TYPE,
                operation=audit_pb2.OPERATION_CREATE,
                content=hold,
                entities=entities,
            )
            self._store.append(connection, [draft], decision.origin)
            driver(connection).execute(_PUT, (draft.record, draft.revision, subject))
            return Answer(draft.record, draft.revision)

        return self._decide(decision, apply)

    def release(self, name: str, etag: str, reason: str, decision: Decision) -> hold_pb2.Hold:
        """Release a hold. Raises RECORD_NOT_FOUND, ETAG_MISMATCH, RECORD_DELETED (it was released already)."""

        def apply(connection: Connection) -> Answer:
            self._store.lock(connection, [name])
            before = self._store.read(connection, [name]).get(name)
            if before is None or before.record_type != RECORD_TYPE or not _is_whole_in_scope(before, decision):
                raise missing("hold", name)
            require_etag(name, before.revision, etag)
            if before.state is State.DELETED:
                raise ConcordError(
                    reasons.ERROR_REASON_RECORD_DELETED, f"{name} was released already", metadata={"name": name}
                )
            previous = self._store.content(before, hold_pb2.Hold)
            hold = hold_pb2.Hold()
            hold.CopyFrom(previous)
            hold.released, hold.release_reason, hold.released_by = True, reason, decision.key.principal
            draft = RevisionDraft(
                record=name,
                record_type=RECORD_TYPE,
                operation=audit_pb2.OPERATION_DELETE,
                content=hold,
                head=before.head,
                previous=previous,
                state=State.DELETED,
                entities=before.entities,
            )
            self._store.append(connection, [draft], decision.origin)
            driver(connection).execute(_RELEASE, (draft.revision, name))
            return Answer(name, draft.revision)

        return self._decide(decision, apply)

    def page(
        self, connection: Connection, scope: frozenset[str] | None, before: str | None, limit: int, *, released: bool
    ) -> list[hold_pb2.Hold]:
        """Return holds, newest first (their ids are time-ordered), those behind `before`."""
        asked = {
            "before": before or _BEHIND_ALL,
            "released": released,
            "scope": None if scope is None else sorted(scope),
            "limit": limit,
        }
        names = [name for (name,) in driver(connection).execute(_PAGE, asked)]
        revisions = self._store.read(connection, names)
        return [self.present(revisions[name]) for name in names]

    def present(self, revision: Revision) -> hold_pb2.Hold:
        """Return a hold's revision as its message."""
        hold = self._store.content(revision, hold_pb2.Hold)
        hold.name, hold.revision = revision.record, revision.revision
        hold.etag = etag_of(revision.record, revision.revision)
        hold.update_time.FromDatetime(revision.created_at.astimezone(UTC))
        return hold

    def _entities(self, connection: Connection, subject: str, decision: Decision) -> tuple[str, ...]:
        """Return the entities that a hold covers something of; none = it is on everything, for callers of every entity.

        The audit knows no entity tree: the leaf names the entities below the subject, too.
        """
        if subject == EVERYTHING:
            if decision.entities is not None:
                raise missing("hold's subject", subject)
            return ()
        revision = self._store.read(connection, [subject]).get(subject)
        if revision is None or not in_scope(revision.entities, decision.entities):
            raise missing("hold's subject", subject)
        require_unerased(revision)
        below = self._registry.read(connection).within((subject,))
        if below or not revision.entities:
            return tuple(sorted(below or ()))
        # Evidence of what a record was before it moved to other entities is to be kept, too.
        return tuple(entity for (entity,) in driver(connection).execute(_EVER_OF, (subject,)))

    def _decide(self, decision: Decision, apply: Callable[[Connection], Answer]) -> hold_pb2.Hold:
        def present(connection: Connection, answer: Answer) -> hold_pb2.Hold:
            pair = (answer.record, answer.revision)
            return self.present(self._store.read_revisions(connection, [pair])[pair])

        return self._transactions.once(decision.key, decision.request, apply, present, rehearsal=decision.rehearsal)


def keep_still(connection: Connection) -> None:
    """Let nobody else place a hold, or erase, until the transaction ends."""
    match_keys.lock(connection, ["legal holds"])


def require_none(connection: Connection, landscape: Landscape, heads: Collection[Head]) -> None:
    """Raise RECORD_HELD when a hold covers any of the records, by its name or by an entity."""
    for hold, subject in driver(connection).execute(_IN_FORCE):
        covered = landscape.within((subject,)) if subject.startswith("entities/") else None
        for head in heads:
            under = covered is not None and not covered.isdisjoint(head.entities)
            if subject == EVERYTHING or under or subject == head.record:
                raise _held(head.record, hold)


def _held(name: str, hold: str) -> ConcordError:
    return ConcordError(
        reasons.ERROR_REASON_RECORD_HELD,
        f"{name} is under a legal hold",
        metadata={"name": name, "hold": hold},
        preconditions=[Precondition("HOLD", hold, "covers it: release the hold first")],
    )


def _is_whole_in_scope(hold: Revision, decision: Decision) -> bool:
    """Tell whether a hold covers nothing that the caller has no say in."""
    return decision.entities is None or (bool(hold.entities) and decision.entities.issuperset(hold.entities))
