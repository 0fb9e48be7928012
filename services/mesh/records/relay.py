"""The relay: takes whole committed transactions to the audit and publishes them in one order for everybody.

Why the order is right without waiting for older transactions to end (no xmin horizon):

1. *What is found.* Unpublished changes are the rows of the spool, which a trigger fills in the transaction that makes
   the change and only the relay empties, in the transaction that publishes. Nothing is found by "higher than the last
   one seen", so a transaction that commits late, with low sequence numbers and a low transaction id, is found when it
   commits. That is *no loss*; the spool's rows becoming visible with their transaction is *atomicity*, as long as a
   transaction is published in one piece, which it is.
2. *Revisions of one record.* A transaction locks a record's head (an update, or the insertion of a unique name) before
   it draws sequence numbers for its change, and keeps the lock until it has committed. If T1 makes revision k and T2
   makes k+1, T2 gets the lock when T1 is committed and visible. So (a) every number that T1 ever drew is lower than the
   one T2 draws for k+1: the highest number of T1 is below the highest number of T2, whatever their transaction ids are;
   (b) every snapshot that shows T2 shows T1.
3. *Order.* A batch is the beginning of what one snapshot of the spool shows, its transactions in the order of their
   highest number. By (b) T1 is published already or in the same snapshot; by (a) it then comes first, in this batch or
   an earlier one. The same holds for any two transactions of which one began after the other had committed: cause
   comes before effect, across records.
4. *One publisher.* Positions continue from the highest committed one, in a transaction on the very connection that
   holds the election's lock; position and sequence number are unique. A relay that lost its connection can't commit.

Sequence numbers are drawn one by one (an identity column, CACHE 1), so a later draw is a higher number.
"""

import hashlib
import logging
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg

from concord.audit.v1.audit_pb2 import Receipt
from services.mesh.errors import ConcordError
from services.mesh.postgres.arrays import number_array
from services.mesh.postgres.database import Database
from services.mesh.records import spool
from services.mesh.records.positions import PUBLISHING_LOCK

AppendLeaves = Callable[[Sequence[bytes]], Sequence[Receipt]]
"""Takes at most 5000 serialised leaves, answers as many receipts in their order; raises ConcordError."""

CHANNEL = "concord_positions"
"""NOTIFY channel; the payload is the newest position."""

_ELECTION_LOCK = 0x434F4E43_00000002
_MOST_LEAVES_A_CALL = 5000
_MOST_BYTES_A_CALL = 3_000_000
_BUSY_PAUSE_S = 0.01
_IDLE_PAUSE_S = 0.05
_STANDBY_PAUSE_S = 0.2
_LONGEST_BACKOFF_S = 5.0

# Each leaf is looked up by itself (LIMIT keeps it so): how much waits is not known to the planner, and a join would
# read all changes that there ever were, many times a second.
WAITING = """
WITH waiting AS (
    SELECT array_agg(seq ORDER BY seq) AS numbers, max(seq) AS last, count(*) AS size FROM spool GROUP BY xid
), counted AS (
    SELECT numbers, last, size, sum(size) OVER (ORDER BY last) - size AS before FROM waiting
)
SELECT counted.last, number, evidence.leaf
FROM counted CROSS JOIN LATERAL unnest(counted.numbers) AS number
CROSS JOIN LATERAL (SELECT leaf FROM changes WHERE seq = number LIMIT 1) AS evidence
WHERE before = 0 OR before + size <= %s
ORDER BY counted.last, number
"""
"""The last number of its transaction, number and leaf of each change in the first transactions that wait, in order."""
# The numbers go on from the newest that is committed: the lock that comes before is a statement of its own, so that
# this one sees it. A relay that finds fewer rows in the spool than it took to the audit publishes nothing.
_PUBLISH = """
WITH last AS MATERIALIZED (
    SELECT coalesce(max(position), 0) AS position, greatest(clock_timestamp(), max(published_at)) AS published_at
    FROM (SELECT position, published_at FROM positions ORDER BY position DESC LIMIT 1) AS newest
), stamped AS (
    INSERT INTO positions (position, seq, transaction_end, published_at, leaf_index, leaf_hash)
    SELECT last.position + place, seq, last.position + transaction_end, last.published_at, leaf_index, leaf_hash
    FROM last CROSS JOIN unnest(%s::bigint[], %s::bigint[], %s::bigint[], %b::bytea[])
        WITH ORDINALITY AS p(seq, transaction_end, leaf_index, leaf_hash, place)
    RETURNING position, seq
), taken AS (
    DELETE FROM spool USING stamped WHERE spool.seq = stamped.seq RETURNING spool.seq
)
SELECT pg_notify(%s, max(position)::text), (SELECT count(*) FROM taken) FROM stamped
"""

_log = logging.getLogger(__name__)

_Connection = psycopg.Connection[tuple[Any, ...]]


class RelayError(Exception):
    """The audit's answer or the spool is not what it must be; nothing of the batch was published."""


@dataclass(frozen=True)
class _Batch:
    """Whole transactions in publishing order: their changes' numbers and leaves, and where each one's transaction ends.

    An end is the place of the transaction's last change in the batch, from 1.
    """

    numbers: list[int]
    leaves: list[bytes]
    ends: list[int]


class Relay:
    """One thread that publishes while it is the elected relay of its database and stands by otherwise.

    Whatever goes wrong (the connection, the audit) it gives the election up, waits a growing time, and starts over
    from the spool; leaves that the audit has already are appended once only, by the audit's own rule.
    """

    def __init__(
        self, database: Database, append: AppendLeaves, *, largest_batch: int = 5000, stuck_after_s: float = 60.0
    ) -> None:
        """Take what talks to the audit; a call of it that lasts longer than `stuck_after_s` costs the election."""
        self._stuck_after_ms = int(stuck_after_s * 1000)
        self._database = database
        self._append = append
        self._largest_batch = largest_batch
        self._stopping = threading.Event()
        self._elected = False
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Finish or abandon the batch at hand, give up the election, end the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def elected(self) -> bool:
        """Tell whether this relay holds the lock."""
        return self._elected

    def backlog(self) -> int:
        """Count the changes that wait to be published."""
        with self._database.reading() as connection:
            return spool.backlog(connection)

    def _run(self) -> None:
        backoff = _BUSY_PAUSE_S
        while not self._stopping.is_set():
            try:
                with closing(self._database.connect("relay")) as connection:
                    self._wait_for_election(connection)
                    while not self._stopping.is_set():
                        pause = _BUSY_PAUSE_S if self._publish_waiting(connection) else _IDLE_PAUSE_S
                        backoff = _BUSY_PAUSE_S
                        self._stopping.wait(pause)
            except Exception as error:  # noqa: BLE001 - the thread must outlive every failure; nothing is published by one
                reason = error.reason if isinstance(error, ConcordError) else ""
                _log.warning("the relay starts over: %s %s", type(error).__name__, reason)
                backoff = min(backoff * 2, _LONGEST_BACKOFF_S)
                self._stopping.wait(backoff * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, hides nothing
            finally:
                self._elected = False

    def _wait_for_election(self, connection: _Connection) -> None:
        while not self._stopping.is_set():
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_ELECTION_LOCK,)).fetchone()
            if row and row[0]:
                # The server ends the session of a relay that froze, and with it the election.
                connection.execute("SELECT set_config('idle_session_timeout', %s, false)", (str(self._stuck_after_ms),))
                self._elected = True
                return
            self._stopping.wait(_STANDBY_PAUSE_S)

    def _publish_waiting(self, connection: _Connection) -> bool:
        """Publish what waits, batch by batch; False when nothing does."""
        found = False
        while not self._stopping.is_set() and (batch := _waiting(connection, self._largest_batch)).numbers:
            _publish(connection, batch, self._receipts(batch.leaves))
            found = True
            if len(batch.numbers) < self._largest_batch:
                break
        return found

    def _receipts(self, leaves: list[bytes]) -> list[Receipt]:
        receipts: list[Receipt] = []
        for call in _calls(leaves):
            answer = self._append(call)
            if len(answer) != len(call):
                raise RelayError(f"{len(answer)} receipts for {len(call)} leaves")
            if [each.leaf_hash for each in answer] != [_leaf_hash(leaf) for leaf in call]:
                raise RelayError("a receipt is of other bytes than were sent")
            receipts.extend(answer)
        return receipts


def _leaf_hash(leaf: bytes) -> bytes:
    """Return a leaf's hash after RFC 9162."""
    return hashlib.sha256(b"\0" + leaf).digest()


def _waiting(connection: _Connection, largest: int) -> _Batch:
    """Read the transactions that are first to be published: as many as a batch holds, or one that is larger."""
    rows = connection.execute(WAITING, (largest,), prepare=True, binary=True).fetchall()
    places = {last: place for place, (last, _, _) in enumerate(rows, start=1)}
    return _Batch([row[1] for row in rows], [row[2] for row in rows], [places[row[0]] for row in rows])


def _calls(leaves: list[bytes]) -> Iterator[list[bytes]]:
    call: list[bytes] = []
    size = 0
    for leaf in leaves:
        if call and (len(call) == _MOST_LEAVES_A_CALL or size + len(leaf) > _MOST_BYTES_A_CALL):
            yield call
            call, size = [], 0
        call.append(leaf)
        size += len(leaf)
    if call:
        yield call


def _publish(connection: _Connection, batch: _Batch, receipts: Sequence[Receipt]) -> None:
    indexes = number_array([receipt.leaf_index for receipt in receipts])
    hashes = [receipt.leaf_hash for receipt in receipts]
    stamps = (number_array(batch.numbers), number_array(batch.ends), indexes, hashes)
    # In a pipeline only what is fetched waits for the database, and so for the interpreter, which calls keep busy.
    with connection.pipeline(), connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (PUBLISHING_LOCK,), prepare=True)
        published = connection.execute(_PUBLISH, (*stamps, CHANNEL), prepare=True).fetchone()
        if published is None or published[1] != len(batch.numbers):
            raise RelayError("another relay has published the same changes")
