"""Voices: source records as matching hears them, read from the tables that are derived of them."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection

from concord.mdm.v1 import ingest_pb2
from services.mdm.domain import grouping
from services.mdm.domain.matching.standardising.profile import Profile, profile
from services.mdm.storage.matching import match_index
from services.mdm.storage.records.working_set import Source, WorkingSet
from services.mdm.storage.registration.registry import HUB
from services.mdm.storage.tables import crosswalk
from services.mdm.storage.tables.crosswalk import Crossing
from services.mesh.records.store import RecordStore

LinkOrigin = ingest_pb2.SourceRecord.LinkOrigin


@dataclass(frozen=True)
class Voice:
    """A source record in matching.

    `golden` is the golden record that it belongs to, empty while it belongs to none; `founded` the one that was founded
    for it. Who is `bound` stays with the rest of its golden record, whatever the evidence. Without a `profile` it has
    nothing to say: a steward's word on what a system said first, what a system deleted, what is not indexed yet.
    """

    source_record: str
    system: str
    key: str
    golden: str
    founded: str
    bound: bool
    profile: Profile | None

    @property
    def mark(self) -> str:
        """What it is known by outside the hub."""
        return f"{self.system}\0{self.key}"


class Voices:
    """Makes voices of what is written now, and reads those of what is stored."""

    def __init__(self, store: RecordStore) -> None:
        self._store = store

    def of(self, source: Source, records: WorkingSet) -> Voice:
        """Return the voice of a source record that is being written, given all that the write has read."""
        said = source.statement
        heard = not source.deleted and not _is_a_word_on_another(said, records)
        return Voice(
            said.name,
            said.system,
            said.key,
            said.golden_record,
            grouping.founded_record(said),
            not heard or said.link_origin == LinkOrigin.LINK_ORIGIN_DELIVERY,
            profile(source.record_type, source.content, self._store.sealer.token) if heard else None,
        )

    def read(self, connection: Connection, sources: Collection[str]) -> list[Voice]:
        """Return the voices of stored source records, with those of everything that shares their golden records."""
        goldens = {crossing.golden for crossing in crosswalk.of_sources(connection, sources).values()}
        family = [one for found in crosswalk.of_goldens(connection, goldens).values() for one in found]
        family = self._complete(connection, family)
        indexed = match_index.read(connection, [crossing.source_record for crossing in family])
        return [_stored(crossing, indexed.get(crossing.source_record)) for crossing in family]

    def _complete(self, connection: Connection, crossings: list[Crossing]) -> list[Crossing]:
        """Return crossings with what those tell that were stored before links were kept with them."""
        old = [crossing.source_record for crossing in crossings if not crossing.origin]
        if not old:
            return crossings
        said = {
            name: ingest_pb2.SourceRecord.FromString(self._store.inputs(revision))
            for name, revision in self._store.read(connection, old).items()
        }
        return [_with_link(one, said[one.source_record]) if one.source_record in said else one for one in crossings]


def _with_link(crossing: Crossing, said: ingest_pb2.SourceRecord) -> Crossing:
    return Crossing(
        crossing.system,
        crossing.key,
        crossing.source_record,
        crossing.golden,
        crossing.live,
        grouping.founded_record(said),
        said.link_origin,
    )


def _stored(crossing: Crossing, indexed: match_index.Stored | None) -> Voice:
    # What is indexed for search alone (by a default model, revision 0) has no voice in links yet.
    heard = indexed.profile if indexed and indexed.model_revision and crossing.live else None
    bound = heard is None or crossing.origin == LinkOrigin.LINK_ORIGIN_DELIVERY
    return Voice(crossing.source_record, crossing.system, crossing.key, crossing.golden, crossing.founded, bound, heard)


def _is_a_word_on_another(said: ingest_pb2.SourceRecord, records: WorkingSet) -> bool:
    """Tell whether stewards speak here of what a system's source record founded: they add to it."""
    if said.system != HUB:
        return False
    others = (source.statement for source in records.sources.values() if source.statement.system != HUB)
    return any(grouping.founded_record(other) == said.key for other in others)
