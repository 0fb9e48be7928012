"""The sequencer: appends leaves in one order, durably, once, and signs what the log holds then."""

import threading
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import psycopg

from concord.governance.v1 import error_reason_pb2 as reasons
from services.audit.domain.checkpoint import LogSigner
from services.audit.domain.leaf import IncomingLeaf, LeafKey
from services.audit.domain.sequencing import Appended, LeafConflictError, Receipt, Sequencer
from services.audit.storage import term_index
from services.audit.storage.growing_tree import GrowingTree, Head, inconsistent
from services.audit.storage.nodes import read_leaf_hashes
from services.mesh.database import Database, driver
from services.mesh.errors import ConcordError

MOST_LEAVES_A_COMMIT = 10_000
MOST_WAITING_LEAVES = 50_000

_SEQUENCER_LOCK = 0x434F4E43_00000101  # one sequencer at a time in a database, whichever replica
_CAUGHT_UP_AT_ONCE = 65_536
_RETRY_AFTER = timedelta(seconds=1)

_HELD = """
SELECT wanted.source_service, wanted.record, wanted.revision, held.leaf_index, held.leaf_hash, held.received_at,
    (SELECT note FROM public.checkpoints WHERE tree_size > held.leaf_index ORDER BY tree_size LIMIT 1)
FROM unnest(%b::text[], %b::text[], %b::bigint[]) AS wanted (source_service, record, revision)
CROSS JOIN LATERAL (
    SELECT leaf_index, leaf_hash, received_at FROM public.leaves
    WHERE (leaves.source_service, leaves.record, leaves.revision)
        = (wanted.source_service, wanted.record, wanted.revision)
    LIMIT 1
) AS held
"""
_APPEND = """
COPY public.leaves (leaf_index, source_service, record, revision, record_type, actor, entities, occurred_at, leaf,
    leaf_hash, received_at) FROM STDIN (FORMAT BINARY)
"""
_APPENDED_TYPES = (
    *("int8", "text", "text", "int8", "text", "text", "text[]"),
    *("timestamptz", "bytea", "bytea", "timestamptz"),
)

Connection = psycopg.Connection[tuple[Any, ...]]


class _Request:
    """A caller's leaves and, once committed or refused, their outcome."""

    def __init__(self, leaves: Sequence[IncomingLeaf]) -> None:
        self.leaves = leaves
        self.outcome: Appended | Exception | None = None
        # A bare lock: an Event costs several of them, and there is one for each waiting call.
        self._turn = threading.Lock()
        self._turn.acquire()

    def call(self) -> None:
        """Wake the caller, once: for its outcome, or to lead."""
        self._turn.release()

    def wait(self) -> None:
        """Wait to be called."""
        self._turn.acquire()


class LeafLog:
    """The log of one database. Threads and replicas may append at once: one commits for all who wait.

    The first to come leads: it commits what waits, as one transaction, and then calls the oldest of those who came
    meanwhile to lead the next. So there are as many commits as the disk allows and no thread but the callers'.
    """

    def __init__(
        self, database: Database, signer: LogSigner, *, most_waiting_leaves: int = MOST_WAITING_LEAVES
    ) -> None:
        """Take what signs, and how many leaves may wait for a commit before callers are told to come again."""
        self._database = database
        self._tree = GrowingTree(signer)
        self._most_waiting_leaves = most_waiting_leaves
        self._waiting: deque[_Request] = deque()
        self._waiting_leaves = 0
        self._led = False
        self._door = threading.Lock()

    def append(self, leaves: Sequence[IncomingLeaf]) -> Appended:
        """Append the leaves, all or none, and return after they are on disk.

        Leaves that are held already get their first receipt. Raises LeafConflictError, or ConcordError
        LOG_QUEUE_FULL (nothing was appended), LOG_INCONSISTENT, and as `Database.transaction` does; then the request
        may be repeated as it is.
        """
        request = _Request(leaves)
        with self._door:
            self._enter(request)
            leads, self._led = not self._led, True
        if not leads:
            request.wait()
        if request.outcome is None:
            self._commit_waiting()
        assert request.outcome is not None  # noqa: S101 - a leader is the oldest that waits, so it committed its own
        if isinstance(request.outcome, Exception):
            raise request.outcome
        return request.outcome

    def catch_up(self) -> None:
        """Sign what no checkpoint covers and index what has no terms, a piece a transaction; to be called at the start.

        A log from before it had a tree gets one so, an empty log its first checkpoint. What is done stays done when it
        is interrupted. Raises ConcordError as `append` does.
        """
        while self._catch_up_further():
            pass

    def _catch_up_further(self) -> bool:
        with self._database.transaction() as transaction:
            connection = driver(transaction)
            _lock(connection)
            unsigned = self._signed(connection, _CAUGHT_UP_AT_ONCE).unsigned
            return term_index.catch_up(connection) or bool(unsigned)

    def _enter(self, request: _Request) -> None:
        """Queue a request, with the door closed; one that finds nobody waiting always may."""
        size = len(request.leaves)
        if self._waiting and self._waiting_leaves + size > self._most_waiting_leaves:
            raise ConcordError(
                reasons.ERROR_REASON_LOG_QUEUE_FULL,
                "too many leaves wait for the log's next commits; nothing was appended",
                metadata={"waiting": str(self._waiting_leaves)},
                retry_after=_RETRY_AFTER,
            )
        self._waiting.append(request)
        self._waiting_leaves += size

    def _commit_waiting(self) -> None:
        """Commit the requests that wait, oldest first, as one transaction; call them and the next leader."""
        requests = self._take_waiting()
        try:
            for request, outcome in zip(requests, self._outcomes(requests), strict=True):
                request.outcome = outcome
        finally:
            for follower in requests[1:]:
                follower.call()
            with self._door:
                self._led = bool(self._waiting)
                if self._led:
                    self._waiting[0].call()

    def _take_waiting(self) -> list[_Request]:
        with self._door:
            requests = [self._waiting.popleft()]
            size = len(requests[0].leaves)
            while self._waiting and size + len(self._waiting[0].leaves) <= MOST_LEAVES_A_COMMIT:
                requests.append(self._waiting.popleft())
                size += len(requests[-1].leaves)
            self._waiting_leaves -= size
            return requests

    def _outcomes(self, requests: Sequence[_Request]) -> Sequence[Appended | Exception]:
        try:
            return self._commit(requests)
        except ConcordError as error:
            return [error] * len(requests)
        except Exception as error:  # noqa: BLE001 - handed to the caller it belongs to, whose own edge answers for it
            if len(requests) == 1:
                return [error]
            # One request that the database refuses must not take the others with it.
            return [outcome for request in requests for outcome in self._outcomes([request])]

    def _commit(self, requests: Sequence[_Request]) -> list[Appended | Exception]:
        with self._database.transaction() as transaction:
            connection = driver(transaction)
            _lock(connection)
            head = self._signed(connection)
            _index_earlier(connection, head.next_index)
            sequencer = _sequencer(connection, {leaf.key for request in requests for leaf in request.leaves}, head)
            outcomes = [_place(sequencer, request) for request in requests]
            fresh = [each for outcome in outcomes if isinstance(outcome, Appended) for each in outcome.fresh]
            if not fresh:
                return outcomes
            try:
                _write(connection, fresh)
            except psycopg.errors.UniqueViolation as error:
                # Nobody else writes while this one holds the lock: it was not this service that took the place.
                found = "what comes next is there already"
                raise inconsistent(head.tree_size or 0, found) from error
            checkpoint = self._tree.grow(connection, (leaf.leaf_hash for leaf, _ in fresh), head.now)
        return [each.covered(checkpoint.note) if isinstance(each, Appended) else each for each in outcomes]

    def _signed(self, connection: Connection, at_once: int | None = None) -> Head:
        """Return how far the log is, after a checkpoint covers every leaf, or `at_once` more than before.

        Leaves without one come from a version of this service that signed none.
        """
        head = self._tree.head(connection)
        unsigned = head.unsigned[:at_once]
        if not unsigned and head.tree_size is not None:
            return head
        self._tree.grow(connection, read_leaf_hashes(connection, unsigned), head.now)
        return self._tree.head(connection)


def _lock(connection: Connection) -> None:
    """Become the sequencer until the transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(%b)", (_SEQUENCER_LOCK,))


def _index_earlier(connection: Connection, next_index: int) -> None:
    """Index what a replica of an earlier version appended meanwhile."""
    while term_index.next_to_index(connection) < next_index:
        term_index.catch_up(connection)


def _sequencer(connection: Connection, keys: set[LeafKey], head: Head) -> Sequencer:
    """Read, under the lock, what the next places are given by."""
    columns = [list(column) for column in zip(*keys, strict=True)] or [[], [], []]
    rows = connection.execute(_HELD, columns, prepare=True).fetchall()
    held = {LeafKey(*row[:3]): Receipt(*row[3:]) for row in rows}
    return Sequencer(held, head.next_index, head.now)


def _place(sequencer: Sequencer, request: _Request) -> Appended | Exception:
    try:
        return sequencer.place(request.leaves)
    except LeafConflictError as error:
        return error


def _write(connection: Connection, placed: Sequence[tuple[IncomingLeaf, Receipt]]) -> None:
    with connection.cursor() as cursor, cursor.copy(_APPEND) as copy:
        copy.set_types(_APPENDED_TYPES)
        for leaf, receipt in placed:
            copy.write_row(
                (
                    receipt.leaf_index,
                    *leaf.key,
                    leaf.record_type,
                    leaf.actor,
                    list(leaf.entities),
                    leaf.occurred_at,
                    leaf.data,
                    leaf.leaf_hash,
                    receipt.received_at,
                )
            )
    term_index.index(connection, ((receipt.leaf_index, leaf.terms) for leaf, receipt in placed))
