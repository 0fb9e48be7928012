"""Pruning: bodies of leaves whose retention is over are deleted, each chunk with a leaf that says so."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import uuid_utils

from concord.audit.v1.act_pb2 import Pruning as PruningAct
from services.audit.domain.leaf import IncomingLeaf, decode
from services.audit.storage import standing
from services.audit.storage.leaf_log import LeafLog
from services.mesh.postgres.database import Database, clock, driver
from services.mesh.records.act import Place, act_leaf
from services.mesh.records.leaf import Origin

JOB = "pruning"
"""What a process is elected for that prunes."""
ITSELF = "concord/audit/retention"
"""Who prunes, in the evidence."""

_SERVICE = "audit"
_AT_ONCE = 1_000  # nobody appends while they are pruned

# Leaves are received in the order of their places: the first that is not due ends a round.
_CHUNK = """
SELECT max(leaf_index) FILTER (WHERE due), min(leaf_index) FILTER (WHERE goes), max(leaf_index) FILTER (WHERE goes)
FROM (
    SELECT leaf_index, due, due AND leaf IS NOT NULL AND NOT public.is_held(entities) AS goes FROM (
        SELECT leaf_index, leaf, entities, received_at < %s AS due FROM public.leaves
        WHERE leaf_index > %s ORDER BY leaf_index LIMIT %s
    ) AS next
) AS looked_at
"""
_TELL = "INSERT INTO public.prunings (leaf_index, received_before, first_place, last_place) VALUES (%s, %s, %s, %s)"
_PRUNE = "SELECT public.prune_leaves(%s)"


class _Chunk(NamedTuple):
    """How far the log was looked at, and the first and the last of the leaves that go, by place; None = none does."""

    seen: int | None
    first: int | None
    last: int | None


class LeafPruning:
    """Prunes what was received longer than `retention` ago, by the database's clock, and no legal hold covers."""

    def __init__(
        self,
        database: Database,
        log: LeafLog,
        retention: timedelta,
        *,
        now: Callable[[], datetime] | None = None,
        at_once: int = _AT_ONCE,
    ) -> None:
        self._database = database
        self._log = log
        self._retention = retention
        self._now = now or self._database_time
        self._at_once = at_once
        self._after = -1
        self.pruned = 0
        """How many leaves have lost their bodies so far."""

    def work(self) -> bool:
        """Prune a chunk; tell whether this round has more to look at. Raises ConcordError as `LeafLog.append`."""
        before = self._now() - self._retention
        chunk = self._chunk(before)
        if chunk.seen is None:
            self._after = -1
            return False
        if chunk.first is not None and chunk.last is not None:
            self._prune(before, chunk.first, chunk.last)
        self._after = chunk.seen
        return True

    def _database_time(self) -> datetime:
        with self._database.reading() as connection:
            return clock(connection)

    def _chunk(self, before: datetime) -> _Chunk:
        with self._database.reading() as connection:
            asked = (before, self._after, self._at_once)
            return _Chunk(*driver(connection).execute(_CHUNK, asked).fetchall()[0])

    def _prune(self, before: datetime, first: int, last: int) -> None:
        place = self._told(before, first, last)
        with self._database.transaction() as connection:
            raw = driver(connection)
            # A hold that has its receipt is seen, and one that comes meanwhile gets it when these bodies are gone.
            standing.hold_still(raw)
            raw.execute(_TELL, (place, before, first, last))
            (pruned,) = raw.execute(_PRUNE, (place,)).fetchall()[0]
        self.pruned += pruned

    def _told(self, before: datetime, first: int, last: int) -> int:
        """Append the leaf that says what is pruned next; return its place."""
        act = PruningAct(first_leaf_index=first, last_leaf_index=last)
        act.receive_time_before.FromDatetime(before)
        place, origin = Place(_SERVICE, str(uuid_utils.uuid7()), 1), Origin.system(ITSELF, reason="retention")
        data = act_leaf(place, act, origin, (), self._now())
        return self._log.append([IncomingLeaf.of(decode(data), data)]).receipts[0].leaf_index
