"""Regrouping: source records move between golden records, each by a new revision of its own, in one transaction."""

from collections.abc import Callable, Collection, Iterable

from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import ingest_pb2
from services.mdm.domain import grouping
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.records.appending import append
from services.mdm.storage.records.working_set import Golden, Source, WorkingSet
from services.mdm.storage.registration.registry import Landscape
from services.mdm.storage.tables import crosswalk
from services.mesh.errors import ConcordError
from services.mesh.records.leaf import Origin
from services.mesh.records.store import RecordStore

LinkOrigin = ingest_pb2.SourceRecord.LinkOrigin


class Regrouping:
    """One regrouping: golden records, locked and read with all their source records and with those merged into them."""

    def __init__(self, connection: Connection, store: RecordStore, record_type: RecordType) -> None:
        self._connection = connection
        self._store = store
        self._type = record_type
        self.records = WorkingSet(connection, store)

    def load(self, names: Collection[str]) -> None:
        """Lock and read golden records; those that do not exist are left out.

        Raises CONCURRENT_CHANGE when others moved source records meanwhile.
        """
        wanted = {*names, *self._founded(names)}
        self.records.load(dict.fromkeys(wanted, self._type), (), {})
        here = {grouping.founded_record(source.statement) for source in self.records.sources.values()} - {""}
        if not here <= wanted:
            raise ConcordError(reasons.ERROR_REASON_CONCURRENT_CHANGE, "source records moved meanwhile")

    def sources_of(self, golden: str) -> list[Source]:
        """Return the source records of a golden record as it stands, by name."""
        return [self.records.sources[name] for name in sorted(self.records.goldens[golden].sources)]

    def assign(
        self,
        groups: Iterable[Collection[str]],
        origin: LinkOrigin.ValueType,
        new_id: Callable[[], str],
    ) -> list[str]:
        """Let each group of source records be one golden record; return the names of those, in the groups' order.

        The groups are to hold all source records of every golden record that any of them is taken from.
        """
        return [self._assign(sorted(group), origin, new_id) for group in groups]

    def append(self, landscape: Landscape, origin: Origin) -> None:
        """Store what changed. Raises TOO_MANY_CHANGES."""
        self.records.regroup()
        append(self._connection, self._store, self.records, landscape, origin)

    def _assign(self, group: Collection[str], origin: LinkOrigin.ValueType, new_id: Callable[[], str]) -> str:
        sources = [self.records.sources[name] for name in group]
        name = grouping.name_of(source.statement for source in sources)
        founded = ""
        if not name:
            founded = name = self._type.name_of(new_id())
            self.records.goldens[name] = Golden(self._type, name)
        for number, source in enumerate(sources):
            if source.statement.golden_record != name:
                own = grouping.founded_record(source.statement) or (founded if number == 0 else "")
                source.relink(name, own, origin)
        return name

    def _founded(self, names: Collection[str]) -> set[str]:
        """Return the golden records that were founded for source records of these."""
        crossings = crosswalk.of_goldens(self._connection, names)
        sources = [crossing.source_record for found in crossings.values() for crossing in found]
        revisions = self._store.read(self._connection, sources).values()
        said = (ingest_pb2.SourceRecord.FromString(self._store.inputs(revision)) for revision in revisions)
        return {founded for one in said if (founded := grouping.founded_record(one))}
