"""Reading the hub's quarantine."""

from sqlalchemy import Connection

from services.mdm.storage.deciding.scope import known
from services.mdm.storage.writing.quarantine import RECORD_TYPE
from services.mesh.postgres.database import driver
from services.mesh.records.store import RecordStore, Revision

_PAGE = """
SELECT r.record FROM records r JOIN record_keys USING (record)
WHERE r.record_type = %(type)s
AND (%(before)s::text IS NULL
    OR (split_part(r.record, '/', 4), r.record) < (split_part(%(before)s, '/', 4), %(before)s))
AND (%(scope)s::text[] IS NULL OR r.entities && %(scope)s)
AND (%(system)s = '' OR EXISTS (SELECT 1 FROM record_index i WHERE i.record = r.record AND i.record_type = %(type)s
    AND i.path = 'system' AND i.value = %(system)s AND i.to_revision IS NULL))
AND (%(settled)s OR EXISTS (SELECT 1 FROM record_index i WHERE i.record = r.record AND i.record_type = %(type)s
    AND i.path = 'state' AND i.value = 'STATE_OPEN' AND i.to_revision IS NULL))
ORDER BY split_part(r.record, '/', 4) DESC, r.record DESC LIMIT %(limit)s
"""


class QuarantineReader:
    """Finds and lists quarantined records inside the caller's transaction."""

    def __init__(self, store: RecordStore) -> None:
        self._store = store

    def find(self, connection: Connection, name: str, scope: frozenset[str] | None) -> Revision:
        """Return the newest revision. Raises ConcordError RECORD_NOT_FOUND."""
        return known(self._store.read(connection, [name]).get(name), RECORD_TYPE, name, scope)

    def page(  # noqa: PLR0913 - a question has many parts
        self,
        connection: Connection,
        system: str,
        scope: frozenset[str] | None,
        *,
        show_settled: bool,
        before: str | None,
        limit: int,
    ) -> list[Revision]:
        """Return quarantined records, newest first (their ids are time-ordered), those behind `before`."""
        arguments = {
            "type": RECORD_TYPE,
            "before": before,
            "scope": None if scope is None else sorted(scope),
            "system": system,
            "settled": show_settled,
            "limit": limit,
        }
        names = [name for (name,) in driver(connection).execute(_PAGE, arguments)]
        revisions = self._store.read(connection, names)
        return [revisions[name] for name in names]
