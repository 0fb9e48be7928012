"""Reading source records: what each system says, and said."""

from datetime import UTC

from sqlalchemy import Connection

from concord.mdm.v1 import ingest_pb2
from services.mdm.domain import registry as record_types
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.deciding.scope import known
from services.mdm.storage.records.working_set import read_statement
from services.mesh.contract.governance import clear_restricted
from services.mesh.postgres.database import driver
from services.mesh.records.store import RecordStore, Revision

RECORD_TYPE = "source_record"

_PAGE = """
SELECT c.source_record FROM crosswalk c JOIN records r ON r.record = c.source_record
WHERE c.source_record > %(after)s AND (%(system)s = '' OR c.system = %(system)s)
AND (%(golden)s = '' OR c.golden = %(golden)s)
AND (%(scope)s::text[] IS NULL OR r.entities && %(scope)s)
ORDER BY c.source_record LIMIT %(limit)s
"""


class SourceReader:
    """Finds, lists and presents source records inside the caller's transaction."""

    def __init__(self, store: RecordStore) -> None:
        self._store = store

    def find(self, connection: Connection, name: str, scope: frozenset[str] | None, position: int | None) -> Revision:
        """Return the newest revision, or the one published by `position`. Raises ConcordError RECORD_NOT_FOUND."""
        return known(self._store.read(connection, [name], position=position).get(name), RECORD_TYPE, name, scope)

    def page(  # noqa: PLR0913 - a question has many parts
        self, connection: Connection, system: str, golden: str, scope: frozenset[str] | None, after: str, limit: int
    ) -> list[Revision]:
        """Return source records by name, those behind `after`."""
        arguments = {
            "after": after,
            "system": system,
            "golden": golden,
            "scope": None if scope is None else sorted(scope),
            "limit": limit,
        }
        names = [name for (name,) in driver(connection).execute(_PAGE, arguments)]
        revisions = self._store.read(connection, names)
        return [revisions[name] for name in names]

    def history(self, connection: Connection, name: str, before: int | None, limit: int) -> list[Revision]:
        """Return revisions, newest first, those below `before`."""
        return self._store.history(connection, name, before=before, limit=limit)

    def present(self, revision: Revision, *, clear: bool) -> ingest_pb2.SourceRecord:
        """Return a source revision as its message; with `clear` RESTRICTED values too."""
        record_type = self._type_of(revision)
        content = self._store.content(revision, record_type.message, clear=clear)
        statement = read_statement(self._store, revision, record_type, content)
        statement.update_time.FromDatetime(revision.created_at.astimezone(UTC))
        if not clear:
            clear_restricted(statement)
        return statement

    def _type_of(self, revision: Revision) -> RecordType:
        beside = ingest_pb2.SourceRecord.FromString(self._store.inputs(revision))
        record_type = record_types.by_collection(beside.golden_record.partition("/")[0])
        if record_type is None:
            raise LookupError(f"{revision.record} belongs to no known collection")
        return record_type
