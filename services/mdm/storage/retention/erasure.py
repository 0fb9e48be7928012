"""Erasure: a golden record with all that the hub holds of it ends in revisions that say so; the rest is destroyed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from concord.audit.v1.audit_pb2 import Leaf
from concord.governance.v1 import error_reason_pb2 as reasons
from services.mdm.domain import registry as record_types
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.deciding.decision import Decision
from services.mdm.storage.deciding.etag import require_etag
from services.mdm.storage.deciding.scope import in_scope, missing
from services.mdm.storage.deciding.second_person import require_second_person
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.matching.matcher import Matcher
from services.mdm.storage.records.pin_records import RECORD_TYPE as PINNED
from services.mdm.storage.records.regrouping import Regrouping
from services.mdm.storage.registration.registry import Registry
from services.mdm.storage.retention import derived_rows, holds
from services.mdm.storage.stewardship.change_request_records import RECORD_TYPE as REQUESTED
from services.mdm.storage.stewardship.golden_decisions import require_unmerged
from services.mdm.storage.tables import crosswalk
from services.mdm.storage.tables import match_keys as keys
from services.mdm.storage.writing.quarantine import RECORD_TYPE as QUARANTINED
from services.mdm.storage.writing.quarantine import sought_under
from services.mesh.errors import ConcordError
from services.mesh.identity.caller import person_behind
from services.mesh.postgres.arrays import text_array
from services.mesh.postgres.database import driver
from services.mesh.records.idempotency import Answer
from services.mesh.records.leaf import Origin
from services.mesh.records.store import (
    Head,
    RecordStore,
    Revision,
    State,
    require_unerased,
)

_ABOUT = """
SELECT DISTINCT record FROM record_index WHERE record_type = %s AND path = %s AND value = ANY(%s::text[])
"""
_DELETION = "SELECT leaf FROM changes WHERE record = %s AND operation = 3 ORDER BY revision DESC LIMIT 1"
_ERASED_WITH = """
SELECT beside.record FROM changes asked JOIN changes beside USING (xid)
WHERE asked.record = %s AND asked.revision = %s AND beside.operation = 7 ORDER BY beside.record
"""


@dataclass(frozen=True)
class Erased:
    """An erased golden record: the revision that says so, and every record that was erased with it."""

    name: str
    revision: int
    at: datetime
    records: tuple[str, ...]


class Erasure:
    """Erases golden records of every type."""

    def __init__(self, transactions: Transactions, store: RecordStore, registry: Registry) -> None:
        self._transactions = transactions
        self._store = store
        self._registry = registry

    def erase(self, name: str, etag: str, reason: str, decision: Decision) -> Erased:
        """Erase a deleted golden record on the word of somebody who did not delete it.

        Raises RECORD_NOT_FOUND, RECORD_ERASED, RECORD_MERGED, ETAG_MISMATCH, RECORD_NOT_DELETED,
        SECOND_PERSON_REQUIRED, RECORD_HELD, TOO_MANY_CHANGES.
        """

        def apply(connection: Connection) -> Answer:
            revision = self._store.read(connection, [name]).get(name)
            if revision is None or not in_scope(revision.entities, decision.entities):
                raise missing("golden record", name)
            require_unerased(revision)
            require_etag(name, revision.revision, etag)
            self._require_second_person(connection, name, decision.key.principal)
            return self.erase_in(connection, name, replace(decision.origin, reason=reason))

        return self._transactions.once(
            decision.key, decision.request, apply, self._answered, rehearsal=decision.rehearsal
        )

    def erase_in(self, connection: Connection, name: str, origin: Origin) -> Answer:
        """Erase a deleted golden record inside the caller's transaction. Raises as `erase`, but for who and when."""
        record_type = record_types.by_collection(name.partition("/")[0])
        if record_type is None:
            raise missing("golden record", name)
        holds.keep_still(connection)
        Matcher.hold(connection, self._registry.read(connection), [record_type.name])
        regrouping = self._loaded(connection, record_type, name)
        golden = regrouping.records.goldens[name]
        if golden.head is None or golden.head.state is not State.DELETED:
            raise _not_deleted(name)
        goldens = [each.head for each in regrouping.records.goldens.values() if each.head is not None]
        sources = [each.head for each in regrouping.records.sources.values() if each.head is not None]
        beside = self._beside(connection, regrouping)
        heads = [*goldens, *sources, *beside]
        holds.require_none(connection, self._registry.read(connection), heads)
        made = self._store.erase(connection, heads, origin)
        derived_rows.forget(connection, list(made))
        return Answer(name, made[name].revision)

    def erase_alone(self, connection: Connection, name: str, origin: Origin) -> None:
        """Erase a record that nothing else is made from, inside the caller's transaction. Raises RECORD_HELD."""
        holds.keep_still(connection)
        heads = _present(self._store.lock(connection, [name]).values())
        holds.require_none(connection, self._registry.read(connection), heads)
        derived_rows.forget(connection, list(self._store.erase(connection, heads, origin)))

    def _loaded(self, connection: Connection, record_type: RecordType, name: str) -> Regrouping:
        """Lock a golden record with its source records, those merged into it, and what may come under their keys."""
        known = crosswalk.of_goldens(connection, [name]).get(name, [])
        pairs = {(crossing.system, crossing.key) for crossing in known}
        keys.hold_keys(connection, pairs)
        regrouping = Regrouping(connection, self._store, record_type)
        regrouping.load([name])
        found = {(source.statement.system, source.statement.key) for source in regrouping.records.sources.values()}
        others = [each for each in regrouping.records.goldens.values() if each.name != name]
        if found != pairs or any(each.head is not None and each.head.state is not State.MERGED for each in others):
            raise ConcordError(reasons.ERROR_REASON_CONCURRENT_CHANGE, f"{name} is being changed")
        if regrouping.records.goldens[name].head is not None:
            require_unmerged(self._store, self._store.read(connection, [name])[name])
        return regrouping

    def _beside(self, connection: Connection, regrouping: Regrouping) -> list[Head]:
        """Lock the pins, change requests and quarantined submissions that are about what is erased."""
        goldens = list(regrouping.records.goldens)
        said = [source.statement for source in regrouping.records.sources.values()]
        places = [value for one in said for value in sought_under(one.system, one.key)]
        raw, found = driver(connection), set[str]()
        for kind, path, values in (
            (PINNED, "golden_record", goldens),
            (REQUESTED, "golden_record", goldens),
            (QUARANTINED, "key", places),
        ):
            found.update(record for (record,) in raw.execute(_ABOUT, (kind, path, text_array(values))))
        return _present(self._store.lock(connection, found).values())

    def _require_second_person(self, connection: Connection, name: str, principal: str) -> None:
        row = driver(connection).execute(_DELETION, (name,)).fetchone()
        deletion = Leaf.FromString(row[0]) if row else Leaf()
        author = person_behind(deletion.actor, deletion.on_behalf_of)
        require_second_person(name, author, principal, "who deleted it does not erase it")

    def _answered(self, connection: Connection, answer: Answer) -> Erased:
        pair = (answer.record, answer.revision)
        made: Revision = self._store.read_revisions(connection, [pair])[pair]
        beside = driver(connection).execute(_ERASED_WITH, pair)
        return Erased(*pair, made.created_at, tuple(record for (record,) in beside))


def _present(heads: Iterable[Head | None]) -> list[Head]:
    return [head for head in heads if head is not None and head.key is not None]


def _not_deleted(name: str) -> ConcordError:
    return ConcordError(
        reasons.ERROR_REASON_RECORD_NOT_DELETED, f"{name} is not deleted: delete it first", metadata={"name": name}
    )
