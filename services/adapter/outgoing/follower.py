"""The follower: what the feed brings for a system goes on its agenda, with the cursor, in one transaction."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from google.protobuf.any_pb2 import Any
from sqlalchemy import Connection

from concord.mdm.v1.change_pb2 import Change, WatchChangesResponse
from concord.mdm.v1.reference_data_pb2 import CodeMap
from services.adapter.hub.golden import identity, open_golden
from services.adapter.outpost import Outpost
from services.adapter.storage import documents, synchronizations
from services.adapter.storage.agenda import AgendaEntry
from services.adapter.systems.systems_file import DeliveryMode

_AT_ONCE = 200
_CODE_MAP = "code_map"


class Follower:
    """Takes the feed over for one system."""

    def __init__(self, outpost: Outpost) -> None:
        self._outpost = outpost
        self._record_types = sorted(set(outpost.system.deliver) & set(outpost.connector.record_types))

    def open_stream(self, cursor: bytes) -> Iterator[WatchChangesResponse]:
        """Open the feed behind a cursor: what is delivered, and the code maps that it is said by."""
        return self._outpost.hub.watch(cursor, [*self._record_types, _CODE_MAP])

    def load_cursor(self) -> bytes:
        """Return how far the feed was taken over."""
        with self._outpost.database.reading() as connection:
            return synchronizations.read(connection, self._outpost.name).feed_cursor

    def handle(self, message: WatchChangesResponse) -> None:
        """Put what concerns the system on the agenda and keep the cursor."""
        changes = message.transaction.changes
        newest = {change.record: change for change in changes if change.record_type in self._record_types}
        with self._outpost.database.transaction() as connection:
            self._note(connection, [self._entry(change) for change in newest.values()])
            if any(self._is_own_map(change) for change in changes):
                self._outpost.agenda.recheck_all(connection, self._record_types)
            position = max((change.position for change in changes), default=0)
            synchronizations.followed(connection, self._outpost.name, message.cursor, position)

    def resync(self) -> None:
        """Put every golden record that concerns the system on the agenda, as it is now, and follow the feed from here.

        For a cursor that has expired. The feed's end is asked for first: what changes meanwhile comes again.
        """
        outpost = self._outpost
        state = outpost.hub.feed_state()
        keys = defaultdict[str, list[str]](list)
        for record in outpost.hub.source_records(outpost.name):
            if not record.deleted:
                keys[record.golden_record].append(record.key)
        for record_type in self._record_types:
            entries = (
                self._snapshot(record_type, packed, keys, state.newest_position)
                for packed in outpost.hub.golden_records(record_type)
            )
            for some in iter(lambda: list(islice(entries, _AT_ONCE)), []):  # noqa: B023 - used up within the turn
                with outpost.database.transaction() as connection:
                    self._note(connection, some)
        with outpost.database.transaction() as connection:
            synchronizations.followed(connection, outpost.name, state.newest_cursor, state.newest_position)

    def _note(self, connection: Connection, entries: Sequence[AgendaEntry]) -> None:
        wanted = [entry for entry in entries if self._concerns(connection, entry)]
        self._outpost.agenda.put(connection, wanted)
        for entry in entries:
            if entry not in wanted:
                self._outpost.agenda.drop(connection, entry)

    def _concerns(self, connection: Connection, entry: AgendaEntry) -> bool:
        if entry.keys or self._outpost.system.deliver[entry.record_type] is DeliveryMode.CREATE:
            return True
        return bool(documents.of_golden(connection, self._outpost.name, entry.golden_record))

    def _is_own_map(self, change: Change) -> bool:
        """Tell whether another code map of the system is in force: what it was told by the earlier one may be wrong."""
        if change.record_type != _CODE_MAP:
            return False
        code_map = CodeMap()
        change.content.Unpack(code_map)
        return code_map.system == self._outpost.name

    def _entry(self, change: Change) -> AgendaEntry:
        keys = tuple(each.key for each in change.crosswalk if each.system == self._outpost.name)
        content = change.content.SerializeToString()
        return AgendaEntry(change.record, change.record_type, change.revision, change.position, keys, content)

    def _snapshot(self, record_type: str, packed: Any, keys: Mapping[str, Sequence[str]], position: int) -> AgendaEntry:
        golden = open_golden(packed)
        name, revision = identity(golden)
        return AgendaEntry(name, record_type, revision, position, tuple(keys.get(name, ())), packed.SerializeToString())
