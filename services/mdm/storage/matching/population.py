"""The live source records of a type as matching hears them, all of them, read in chunks."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection

from concord.mdm.v1 import ingest_pb2
from services.mdm.domain import grouping
from services.mdm.domain.matching.standardising.profile import Profile, profile
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.matching.voices import Voice
from services.mdm.storage.records.working_set import read_statement
from services.mdm.storage.registration.registry import HUB, Landscape
from services.mesh.postgres.database import driver
from services.mesh.records.store import RecordStore, Revision

_CHUNK = 500
_PAGE = """
SELECT source_record FROM crosswalk WHERE source_record > %(after)s
AND live AND golden >= %(collection)s || '/' AND golden < %(collection)s || '0'
ORDER BY source_record LIMIT %(limit)s
"""
_COUNT = """
SELECT count(*) FROM crosswalk WHERE live AND golden >= %(collection)s || '/' AND golden < %(collection)s || '0'
"""
_DELIVERED = ingest_pb2.SourceRecord.LINK_ORIGIN_DELIVERY


@dataclass
class Gathered:
    """What was read of a population so far: voices by source record; complete once `settle` was called."""

    voices: dict[str, Voice] = field(default_factory=dict)

    def settle(self) -> None:
        """Silence what stewards say of a record that a system's source record founded: it adds to that one."""
        founded = {voice.founded for voice in self.voices.values() if voice.system != HUB}
        for name, voice in self.voices.items():
            if voice.system == HUB and voice.founded in founded:
                self.voices[name] = Voice(name, HUB, voice.key, voice.golden, voice.founded, bound=True, profile=None)

    @property
    def profiles(self) -> dict[str, Profile]:
        """The profiles of those who are heard, by source record, in the order of the names."""
        heard = ((name, voice.profile) for name, voice in sorted(self.voices.items()))
        return {name: profile for name, profile in heard if profile is not None}

    def sides(self, landscape: Landscape) -> list[int]:
        """Return for each of the `profiles` a number for its system where that has no duplicates, -1 otherwise."""
        numbers = {
            name: place for place, (name, one) in enumerate(sorted(landscape.systems.items())) if one.free_of_duplicates
        }
        return [numbers.get(self.voices[name].system, -1) for name in self.profiles]


class MatchPopulation:
    """Reads the source records of a type, each chunk in a transaction of its own."""

    def __init__(self, transactions: Transactions, store: RecordStore) -> None:
        self._transactions = transactions
        self._store = store

    def read(self, record_type: RecordType, gathered: Gathered) -> Iterator[tuple[int, int]]:
        """Gather the live source records of a type; give before and after each chunk how many of how many are read."""
        total, after = self._transactions.read(lambda connection: self._count(connection, record_type)), ""
        yield 0, total
        while chunk := self._transactions.read(lambda connection: self._chunk(connection, record_type, after)):  # noqa: B023 - runs at once
            gathered.voices.update((voice.source_record, voice) for voice in chunk)
            after = chunk[-1].source_record
            yield len(gathered.voices), max(total, len(gathered.voices))
        gathered.settle()

    def profile(self, record_type: RecordType, revision: Revision) -> Profile:
        """Return what a source revision says for matching."""
        return profile(record_type, self._store.content(revision, record_type.message), self._store.sealer.token)

    def _count(self, connection: Connection, record_type: RecordType) -> int:
        row = driver(connection).execute(_COUNT, {"collection": record_type.collection}).fetchone()
        return row[0] if row else 0

    def _chunk(self, connection: Connection, record_type: RecordType, after: str) -> list[Voice]:
        asked = {"after": after, "collection": record_type.collection, "limit": _CHUNK}
        names = [name for (name,) in driver(connection).execute(_PAGE, asked)]
        revisions = self._store.read(connection, names)
        return [self._voice(record_type, revisions[name]) for name in names]

    def _voice(self, record_type: RecordType, revision: Revision) -> Voice:
        content = self._store.content(revision, record_type.message)
        said = read_statement(self._store, revision, record_type, content)
        return Voice(
            said.name,
            said.system,
            said.key,
            said.golden_record,
            grouping.founded_record(said),
            said.link_origin == _DELIVERED,
            profile(record_type, content, self._store.sealer.token),
        )
