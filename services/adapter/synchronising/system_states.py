"""The state of a system's synchronisation: what people decided, how far it got, what waits."""

from sqlalchemy import Connection

from concord.adapter.v1.adapter_pb2 import Discrepancy, QuarantinedDocument, SystemState
from concord.governance.v1 import error_reason_pb2 as reasons
from services.adapter.outpost import Outpost
from services.adapter.storage import synchronizations
from services.adapter.storage.ledger import Entry, name_of
from services.adapter.storage.synchronizations import Synchronization
from services.mesh.errors import from_status
from services.mesh.records.idempotency import Answer
from services.mesh.records.leaf import Origin

_FAILING = frozenset({reasons.ERROR_REASON_EXTERNAL_UNAVAILABLE, reasons.ERROR_REASON_EXTERNAL_REFUSED})


class SystemStates:
    """The state of one system; every method works inside the caller's transaction."""

    def __init__(self, outpost: Outpost) -> None:
        self._outpost = outpost

    def is_paused(self, connection: Connection) -> bool:
        """Tell whether a person paused the system."""
        return self._decided(connection) == SystemState.STATE_PAUSED

    def decide(self, connection: Connection, state: SystemState.State.ValueType, origin: Origin) -> Answer:
        """Pause or resume on somebody's word; return the record and revision that say so."""
        content = SystemState(system=self._outpost.name, connector=self._outpost.connector.kind, state=state)
        name, ledger = name_of(content), self._outpost.ledger
        head = ledger.store.lock(connection, [name])[name]
        if head is None or self._decided(connection) != state:
            entry = Entry(self._outpost.name, content, open=False)
            head = ledger.put(connection, [entry], origin)[name]
        return Answer(name, head.revision)

    def describe(self, connection: Connection) -> SystemState:
        """Return everything there is to say about the system."""
        outpost = self._outpost
        progress = synchronizations.read(connection, outpost.name)
        first_open = outpost.agenda.first_open(connection)
        state = SystemState(
            system=outpost.name,
            connector=outpost.connector.kind,
            state=self._state(connection, progress),
            pull_cursor=progress.pull_cursor,
            delivered_position=progress.feed_position if first_open is None else max(0, first_open - 1),
            last_error=progress.last_error,
            quarantined_count=outpost.ledger.count_open(connection, outpost.name, QuarantinedDocument),
            discrepancy_count=outpost.ledger.count_open(connection, outpost.name, Discrepancy),
        )
        if progress.last_contact_time:
            state.last_contact_time.FromDatetime(progress.last_contact_time)
        if progress.last_pull_time:
            state.last_pull_time.FromDatetime(progress.last_pull_time)
        return state

    def _decided(self, connection: Connection) -> SystemState.State.ValueType:
        name = name_of(SystemState(system=self._outpost.name))
        decided = self._outpost.ledger.read(connection, [name]).get(name)
        return decided.state if isinstance(decided, SystemState) else SystemState.STATE_RUNNING

    def _state(self, connection: Connection, progress: Synchronization) -> SystemState.State.ValueType:
        decided = self._decided(connection)
        is_failing = progress.last_error is not None and from_status(progress.last_error).reason in _FAILING
        return SystemState.STATE_FAILING if is_failing and decided == SystemState.STATE_RUNNING else decided
