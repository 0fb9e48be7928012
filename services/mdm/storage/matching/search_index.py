"""The search index: what search compares of record types that no match model is in force for.

Where a model is in force, the write path keeps profiles and block keys in the match tables with every write. Of the
other types the same tables hold them by the type's default model, as revision 0, for search alone. They follow the
feed: a write costs nothing more, and what was published is found a moment later. While more is being published, the
index takes a little several times a second; it catches up when that pauses.
"""

import time
from collections.abc import Iterator, Mapping

from sqlalchemy import Connection

from services.mdm.domain import registry as record_types
from services.mdm.domain.matching.blocking.bulk_keys import block_keys_of_each
from services.mdm.domain.matching.learning.defaults import default_model
from services.mdm.domain.matching.standardising.profile import Profile, profile
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.matching import match_index
from services.mdm.storage.registration.registry import HUB, Registry
from services.mdm.storage.tables import crosswalk
from services.mdm.storage.tables.crosswalk import Crossing
from services.mesh.postgres.database import driver
from services.mesh.records import positions
from services.mesh.records.store import RecordStore

AT_ONCE = 200
"""So many changes a piece, once nothing was published for a while."""

AT_ONCE_BESIDE_WRITES = 25
"""So many before: who writes, or waits for what is published, waits for the interpreter meanwhile."""

QUIET_S = 1.0
"""How long that while is."""

PAUSE_S = 0.125
"""How long it rests between pieces beside writes, and before it looks for news."""

_DECLARATIONS = " ".join(f"{kind.name}/{kind.matching.version}" for kind in record_types.RECORD_TYPES if kind.matching)
"""What the index is made by, beside the key's version; where it differs, the feed is followed from its beginning."""

_REACHED = "SELECT position FROM search_progress WHERE declarations = %s"
_KNOWN = "SELECT coalesce(max(position), 0) FROM search_progress"
_POSITION = "SELECT declarations, position FROM search_progress FOR UPDATE"
_BEGIN = """
INSERT INTO search_progress (declarations, position) VALUES (%s, 0)
ON CONFLICT (only_row) DO UPDATE SET declarations = excluded.declarations, position = 0
"""
_GO_ON = "UPDATE search_progress SET position = %s"
_PUBLISHED = """
SELECT p.position, c.record_type, c.record FROM positions p JOIN changes c USING (seq)
WHERE p.position > %s ORDER BY p.position LIMIT %s
"""


class SearchIndex:
    """Follows the feed with what search compares."""

    def __init__(self, transactions: Transactions, store: RecordStore, registry: Registry) -> None:
        self._transactions = transactions
        self._store = store
        self._registry = registry
        self._newest = 0
        self._since = time.monotonic()

    @staticmethod
    def behind(connection: Connection) -> int:
        """Return how many published changes the index has not taken in."""
        row = driver(connection).execute(_KNOWN, prepare=True).fetchone()
        assert row is not None  # noqa: S101 - an aggregate answers one row
        known: int = row[0]
        return positions.newest(connection) - known

    def work(self) -> bool:
        """Take in the next changes; asks for more at once only when it has been quiet: writes come first."""
        newest, reached = self._transactions.read(self._standing)
        if newest != self._newest:
            self._newest, self._since = newest, time.monotonic()
        if newest == reached:
            return False
        quiet = time.monotonic() - self._since >= QUIET_S
        return self.step(AT_ONCE if quiet else AT_ONCE_BESIDE_WRITES) > 0 and quiet

    def step(self, at_once: int = AT_ONCE) -> int:
        """Take in the next changes, `at_once` at most; return how many there were. 0 = nothing is left to do."""
        return self._transactions.write(lambda connection: self._step(connection, at_once))

    @property
    def _made_by(self) -> str:
        return f"{_DECLARATIONS} key/{self._store.sealer.version}"

    def _standing(self, connection: Connection) -> tuple[int, int | None]:
        """Return the newest position, and how far the index has come as it is made now; None = it has not begun."""
        newest = positions.newest(connection)
        row = driver(connection).execute(_REACHED, (self._made_by,), prepare=True).fetchone()
        return newest, row[0] if row else None

    def _step(self, connection: Connection, at_once: int) -> int:
        raw = driver(connection)
        row = raw.execute(_POSITION).fetchone()
        made_by = self._made_by
        if row is None or row[0] != made_by:
            raw.execute(_BEGIN, (made_by,))
            row = (made_by, 0)
        changes = raw.execute(_PUBLISHED, (row[1], at_once)).fetchall()
        if changes:
            self._take(connection, {record for _, kind, record in changes if kind == "source_record"})
            raw.execute(_GO_ON, (changes[-1][0],))
        return len(changes)

    def _take(self, connection: Connection, sources: set[str]) -> None:
        crossings = crosswalk.of_sources(connection, sources)
        models = self._registry.read(connection).models
        for record_type in record_types.RECORD_TYPES:
            if record_type.matching is None or record_type.name in models:
                continue
            ours = {name: crossing for name, crossing in crossings.items() if record_type.owns(crossing.golden)}
            model = default_model(record_type)
            held = match_index.read(connection, ours)
            news = {
                name: said
                for name, said in self._profiles(connection, record_type, ours)
                if name not in held or held[name][:2] != (said, model.revision)
            }
            heard = {name: said for name, said in news.items() if said}
            keys = dict(zip(heard, block_keys_of_each(list(heard.values()), model), strict=True))
            indexed = {name: (said, keys.get(name, ())) for name, said in news.items()}
            match_index.put(connection, record_type.name, model.revision, indexed)

    def _profiles(
        self, connection: Connection, record_type: RecordType, crossings: Mapping[str, Crossing]
    ) -> Iterator[tuple[str, Profile | None]]:
        """Give what source records say now; None for those that are not heard."""
        revisions = self._store.read(connection, list(crossings))
        families = crosswalk.of_goldens(connection, {crossing.golden for crossing in crossings.values()})
        for name, crossing in crossings.items():
            heard = crossing.live and not _is_a_word_on_another(crossing, families[crossing.golden])
            content = self._store.content(revisions[name], record_type.message) if heard else None
            yield name, profile(record_type, content, self._store.sealer.token) if content is not None else None


def _is_a_word_on_another(crossing: Crossing, family: list[Crossing]) -> bool:
    """Tell whether stewards speak here of what a system's source record founded: they add to it."""
    return crossing.system == HUB and any(other.system != HUB and other.founded == crossing.key for other in family)
