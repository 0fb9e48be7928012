"""The sequencer: appends leaves in one order, durably, once, and signs what the log holds then."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import psycopg

from concord.governance.v1 import error_reason_pb2 as reasons
from services.audit.domain.checkpoint import LogSigner
from services.audit.domain.leaf import IncomingLeaf
from services.audit.domain.sequencing import Appended, LeafConflictError, Sequencer
from services.audit.storage import term_index
from services.audit.storage.addition import add
from services.audit.storage.growing_tree import GrowingTree, inconsistent
from services.audit.storage.nodes import read_leaf_hashes
from services.audit.storage.standing import Head, take_up
from services.mesh.errors import ConcordError
from services.mesh.postgres.database import Database, driver

MOST_LEAVES_A_COMMIT = 10_000
MOST_WAITING_LEAVES = 50_000

_CAUGHT_UP_AT_ONCE = 65_536

# As PostgreSQL's commit_siblings and commit_delay: where many came together, as many will come again, and a commit of
# all costs less than one of the first half and one of the second.
_SIBLINGS = 5
_DELAY_S = 0.003
_RETRY_AFTER = timedelta(seconds=1)

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
    meanwhile to lead the next. So there are as many commits as the disk allows and no thread but the callers'. Only
    behind a commit of many does the leader let others come for a moment.
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
        self._committed_at_once = 0
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
            unsigned = self._sign_earlier(connection, take_up(connection, ()).head, _CAUGHT_UP_AT_ONCE)
            return term_index.catch_up(connection) or unsigned

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
        if self._committed_at_once > _SIBLINGS:
            time.sleep(_DELAY_S)
        requests = self._take_waiting()
        self._committed_at_once = len(requests)
        try:
            for request, outcome in zip(requests, self._outcomes(requests), strict=True):
                request.outcome = outcome
        finally:
            # The next leader first: while the database works for it, the followers answer.
            with self._door:
                self._led = bool(self._waiting)
                if self._led:
                    self._waiting[0].call()
            for follower in requests[1:]:
                follower.call()

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
            keys = {leaf.key for request in requests for leaf in request.leaves}
            head, held = take_up(connection, keys)
            if self._sign_earlier(connection, head):
                head, held = take_up(connection, keys)
            _index_earlier(connection, head)
            sequencer = Sequencer(held, head.next_index, head.now)
            outcomes = [_place(sequencer, request) for request in requests]
            fresh = [each for outcome in outcomes if isinstance(outcome, Appended) for each in outcome.fresh]
            if not fresh:
                return outcomes
            growth = self._tree.grow((leaf.leaf_hash for leaf, _ in fresh), head.now)
            try:
                add(connection, fresh, growth)
            except psycopg.errors.UniqueViolation as error:
                # Nobody else writes while this one holds the lock: it was not this service that took the place.
                raise inconsistent(head.tree_size or 0, "what comes next is there already") from error
        note = growth.checkpoint.note
        return [each.covered(note) if isinstance(each, Appended) else each for each in outcomes]

    def _sign_earlier(self, connection: Connection, head: Head, at_once: int | None = None) -> bool:
        """Have a checkpoint cover every leaf, or `at_once` more than before; tell whether there were such leaves.

        Leaves without one come from a version of this service that signed none.
        """
        self._tree.stand_at(connection, head)
        unsigned = head.unsigned[:at_once]
        if unsigned or head.tree_size is None:
            add(connection, (), self._tree.grow(read_leaf_hashes(connection, unsigned), head.now))
        return bool(unsigned)


def _index_earlier(connection: Connection, head: Head) -> None:
    """Index what a replica of an earlier version appended meanwhile."""
    while head.next_to_index < head.next_index and term_index.next_to_index(connection) < head.next_index:
        term_index.catch_up(connection)


def _place(sequencer: Sequencer, request: _Request) -> Appended | Exception:
    try:
        return sequencer.place(request.leaves)
    except LeafConflictError as error:
        return error
