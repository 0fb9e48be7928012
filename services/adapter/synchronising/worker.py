"""The worker: synchronises one system, one thing at a time, for as long as the process runs.

A turn looks up what was begun before a failure, pulls when it is time, and works the agenda off. Failures lead to
growing pauses; nothing is skipped. One lock keeps pulls, deliveries and replays apart: what is read before a write and
submitted after it would be taken for the system's own word.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1.change_pb2 import WatchChangesResponse
from services.adapter.hub.registrations import Registrations
from services.adapter.incoming.intake import Counts, Intake
from services.adapter.incoming.pulling import Pulling
from services.adapter.outgoing.delivering import Delivering
from services.adapter.outgoing.follower import Follower
from services.adapter.outgoing.recovery import Recovery
from services.adapter.outpost import Outpost
from services.adapter.storage import synchronizations
from services.adapter.synchronising.election import Election
from services.adapter.synchronising.pause import Pause
from services.adapter.synchronising.system_states import SystemStates
from services.adapter.systems.remote_error import RemoteError
from services.adapter.systems.remote_failure import typed
from services.mesh.errors import ConcordError, to_status
from services.mesh.feed.subscription import FeedSubscription, Subscriber
from services.mesh.records.spool import SpoolGuard
from services.mesh.telemetry import span

_log = logging.getLogger(__name__)

_LONGEST_DELIVERING_S = 10.0
"""So long others wait that want the system: pulls, people who synchronise or replay."""


@dataclass(frozen=True)
class Patience:
    """How long a worker waits, in seconds: after failures, twice as long each time, and for another replica to go."""

    first_pause_s: float = 0.5
    longest_pause_s: float = 60.0
    standby_s: float = 1.0


class Worker:
    """One system's synchronisation, in a thread of its own and the feed's."""

    def __init__(
        self, outpost: Outpost, registrations: Registrations, guard: SpoolGuard, patience: Patience | None = None
    ) -> None:
        self.outpost = outpost
        self.states = SystemStates(outpost)
        self.intake = Intake(outpost)
        self._registrations = registrations
        self._guard = guard
        self._patience = patience or Patience()
        self._pause = Pause(self._patience.first_pause_s, self._patience.longest_pause_s)
        self._pulling = Pulling(outpost, self.intake)
        self._delivering = Delivering(outpost, self.intake)
        self._recovery = Recovery(outpost)
        self._follower = Follower(outpost)
        self._election = Election(outpost.database, outpost.name)
        self._subscription: FeedSubscription[WatchChangesResponse] | None = None
        self._turn = threading.Lock()
        self._elected = threading.Event()
        self._interrupted = threading.Event()
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._next_pull = 0.0
        self._failures = 0
        self._heard_at = 0.0
        self._thread = threading.Thread(target=self._run, name=f"worker-{outpost.name}", daemon=True)

    @property
    def failures(self) -> int:
        """How many attempts have failed since one succeeded."""
        return self._failures

    @property
    def silence_s(self) -> float:
        """For how many seconds the hub's feed has said nothing, not even that nothing came, to the elected worker."""
        return time.monotonic() - self._heard_at

    def elected(self) -> bool:
        """Tell whether this process is the one that synchronises the system."""
        return self._elected.is_set()

    def start(self) -> None:
        """Start the threads."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Begin to stop, without waiting."""
        self._stopping.set()
        self._woken.set()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Finish the document at hand and end the threads; what is left goes on with the next start."""
        self.ask_to_stop()
        self._thread.join(timeout_s)

    def interrupt(self) -> None:
        """End the turn after the document at hand and look at the system's state again."""
        self._interrupted.set()
        self._woken.set()

    def wake(self) -> None:
        """Look for work now."""
        self._woken.set()

    def sync(self, *, full: bool, timeout_s: float | None) -> Counts:
        """Pull now and return what became of the documents.

        Raises ConcordError SYNC_PAUSED, EXTERNAL_UNAVAILABLE, EXTERNAL_REFUSED, DEPENDENCY_UNAVAILABLE (another
        replica synchronises the system), DEADLINE_TOO_SHORT.
        """
        with self.exclusively(timeout_s):
            self._interrupted.clear()
            self._require_registered()
            self._guard.check()
            with self.outpost.database.reading() as connection:
                if self.states.is_paused(connection):
                    raise ConcordError(
                        reasons.ERROR_REASON_SYNC_PAUSED,
                        f"{self.outpost.name} is paused",
                        metadata={"system": self.outpost.name},
                        resource=("system", self.outpost.name),
                    )
            try:
                counts = self._pull(full=full)
            except RemoteError as error:
                self._note_failure(typed(error, self.outpost.name))
                raise typed(error, self.outpost.name) from error
            self._note_success()
        self.wake()
        return counts

    @contextmanager
    def exclusively(self, timeout_s: float | None) -> Iterator[None]:
        """Keep the worker's own turns away for the time of the block."""
        if not self._elected.is_set():
            message = "another replica synchronises this system, or none does yet"
            retry = timedelta(seconds=self._patience.standby_s)
            raise ConcordError(reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE, message, retry_after=retry)
        if not self._turn.acquire(timeout=-1 if timeout_s is None else timeout_s):
            raise ConcordError(reasons.ERROR_REASON_DEADLINE_TOO_SHORT, "the system is being synchronised")
        try:
            yield
        finally:
            self._turn.release()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            self._woken.wait(self._once())
        self._step_down()
        with self._turn:
            self.outpost.connector.close()

    def _once(self) -> float:
        """Take a turn, if it is ours to take; return how long to rest after it."""
        if not self._election.stand():
            self._step_down()
            return self._patience.standby_s
        self._step_up()
        if self._pause.remaining_s() > 0:
            return self._pause.remaining_s()
        with self._turn:
            self._interrupted.clear()
            self._guarded(self._take_turn)
        return self._pause.remaining_s() or max(0.0, self._next_pull - time.monotonic())

    def _take_turn(self) -> None:
        self._require_registered()
        with self.outpost.database.reading() as connection:
            is_paused = self.states.is_paused(connection)
        interval = self.outpost.system.poll_interval_s
        if is_paused:
            self._next_pull = time.monotonic() + interval
            return
        self._guard.check()
        is_due = time.monotonic() >= self._next_pull
        if is_due:
            self._pull(full=False)
        else:
            self._recovery.run()
        until = time.monotonic() + _LONGEST_DELIVERING_S
        if not self._delivering.run(lambda: time.monotonic() < until and self._go_on()):
            self._woken.set()
        if is_due:
            self._next_pull = time.monotonic() + interval
            self._note_success()
        self._pause.end()

    def _require_registered(self) -> None:
        self._registrations.refresh()
        if not self._registrations.is_registered(self.outpost.name):
            self._registrations.forget()
            message = f"{self.outpost.name} is not registered with the hub"
            raise ConcordError(reasons.ERROR_REASON_SYSTEM_UNKNOWN, message)

    def _pull(self, *, full: bool) -> Counts:
        with span("pull", system=self.outpost.name, full=full) as running:
            self._recovery.run()
            counts = self._pulling.run(full=full, go_on=self._go_on)
            running.set_attribute("read", counts.read)
            running.set_attribute("quarantined", counts.quarantined)
            return counts

    def _go_on(self) -> bool:
        """Tell whether the next document is ours to read or write: still elected, and paused by nobody anywhere."""
        if self._stopping.is_set() or self._interrupted.is_set() or not self._election.holds():
            return False
        with self.outpost.database.reading() as connection:
            return not self.states.is_paused(connection)

    def _guarded(self, turn: Callable[[], None]) -> None:
        try:
            turn()
        except RemoteError as error:
            self._fail(typed(error, self.outpost.name), error.retry_after_s)
        except ConcordError as error:
            self._fail(error, error.retry_after.total_seconds() if error.retry_after else None)
        except Exception as error:  # noqa: BLE001 - the thread must outlive every defect
            _log.exception("%s: a turn failed", self.outpost.name)
            self._fail(ConcordError(reasons.ERROR_REASON_INTERNAL_FAILURE, type(error).__name__), None)

    def _fail(self, error: ConcordError, retry_after_s: float | None) -> None:
        self._next_pull = 0.0
        pause_s = self._pause.begin(retry_after_s)
        _log.warning("%s: %s, again in %.1f s", self.outpost.name, error.reason_name, pause_s)
        self._note_failure(error)

    def _note_success(self) -> None:
        self._failures = 0
        with self.outpost.database.transaction() as connection:
            synchronizations.contacted(connection, self.outpost.name, self.outpost.clock())

    def _note_failure(self, error: ConcordError) -> None:
        self._failures += 1
        try:
            with self.outpost.database.transaction() as connection:
                synchronizations.failed(connection, self.outpost.name, to_status(error))
        except ConcordError as unnoted:
            _log.warning("%s: the failure can't be noted: %s", self.outpost.name, unnoted.reason_name)

    def _step_up(self) -> None:
        if self._subscription is None:
            subscriber = Subscriber(
                self._follower.open_stream, self._follower.load_cursor, self._handle, self._follower.resync
            )
            self._subscription = FeedSubscription(subscriber, name=self.outpost.name)
            self._heard_at = time.monotonic()
            self._subscription.start()
            self._elected.set()

    def _step_down(self) -> None:
        self._elected.clear()
        if self._subscription is not None:
            self._subscription.stop(2.0)
            self._subscription = None
        self._election.resign()

    def _handle(self, message: WatchChangesResponse) -> None:
        self._follower.handle(message)
        self._heard_at = time.monotonic()
        if message.HasField("transaction"):
            self._woken.set()
