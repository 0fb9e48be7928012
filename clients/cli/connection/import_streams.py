"""Sending an import: batches on several streams at once, each sent again until it is answered, answers in order."""

import heapq
import queue
import random
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import MethodDescriptor

from clients.cli.connection.mesh import Mesh, RefusedError
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import import_pb2, ingest_pb2

Answer = import_pb2.ImportSourceRecordsResponse

_BATCHES_A_STREAM = 3
_ATTEMPTS = 6
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_PASSING = frozenset(
    {
        reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
        reasons.ERROR_REASON_SHUTTING_DOWN,
        reasons.ERROR_REASON_STREAMS_EXHAUSTED,
        reasons.ERROR_REASON_CONCURRENT_CHANGE,
        reasons.ERROR_REASON_SPOOL_FULL,
        reasons.ERROR_REASON_DEADLINE_TOO_SHORT,
    }
)
"""What another attempt may not meet: the hub knows a batch that it has taken in, so that nothing is done twice."""


@dataclass(frozen=True)
class Batch:
    """A numbered batch; `rows` is what its sender knows of the rows."""

    request: ingest_pb2.ImportSourceRecordsRequest
    rows: Sequence[Any]

    @property
    def number(self) -> int:
        """Its number in the import, from 1 on without a gap."""
        return int(self.request.batch)


class ImportStreams:
    """Sends batches; no more of them are in memory than are under way."""

    def __init__(self, mesh: Mesh, method: MethodDescriptor, batches: Iterator[Batch], streams: int) -> None:
        self._mesh = mesh
        self._method = method
        self._batches = batches
        self._pulling = threading.Lock()
        self._room = threading.Semaphore(streams * _BATCHES_A_STREAM)
        self._over = threading.Event()
        self._results: queue.Queue[tuple[Batch, Answer] | Exception | None] = queue.Queue()
        self._streams = [threading.Thread(target=self._run, daemon=True) for _ in range(streams)]

    def answers(self) -> Iterator[tuple[Batch, Answer]]:
        """Yield every batch with its answer, in the batches' order. Raises RefusedError, and what making one raises."""
        for stream in self._streams:
            stream.start()
        try:
            yield from self._in_order()
        finally:
            self._over.set()
            self._room.release()  # whoever waits for room finds that it is over, and passes it on

    def _in_order(self) -> Iterator[tuple[Batch, Answer]]:
        early: list[tuple[int, Batch, Answer]] = []
        due, running = 1, len(self._streams)
        while running:
            result = self._results.get()
            if isinstance(result, Exception):
                raise result
            if result is None:
                running -= 1
                continue
            heapq.heappush(early, (result[0].number, *result))
            while early and early[0][0] == due:
                _, batch, answer = heapq.heappop(early)
                self._room.release()
                due += 1
                yield batch, answer

    def _run(self) -> None:
        try:
            self._send_all()
        except Exception as error:  # noqa: BLE001 - raised again where the answers are taken
            self._results.put(error)
        else:
            self._results.put(None)

    def _send_all(self) -> None:
        waiting: deque[Batch] = deque()
        attempts = 0
        while not self._over.is_set():
            ended = threading.Event()
            try:
                for answer in self._mesh.exchange(self._method, self._requests(waiting, ended)):
                    self._results.put((waiting.popleft(), answer))
                    attempts = 0
            except RefusedError as error:
                with self._pulling:
                    ended.set()
                attempts += 1
                if error.error.reason not in _PASSING or attempts == _ATTEMPTS:
                    raise
            else:
                return
            self._over.wait(min(_FIRST_PAUSE_S * 2**attempts, _LONGEST_PAUSE_S) * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load

    def _requests(
        self, waiting: deque[Batch], ended: threading.Event
    ) -> Iterator[ingest_pb2.ImportSourceRecordsRequest]:
        """Yield what an earlier stream was not answered, then what comes next, as long as this stream lasts."""
        for batch in tuple(waiting):
            yield batch.request
        while (batch := self._pulled(waiting, ended)) is not None:  # type: ignore[assignment] # None ends it
            yield batch.request

    def _pulled(self, waiting: deque[Batch], ended: threading.Event) -> Batch | None:
        self._room.acquire()
        with self._pulling:
            batch = None if self._over.is_set() or ended.is_set() else self._next()
            if batch is not None:
                waiting.append(batch)
                return batch
        self._room.release()
        return None

    def _next(self) -> Batch | None:
        try:
            return next(self._batches, None)
        except Exception as error:  # noqa: BLE001 - raised again where the answers are taken; the transport would hide it
            self._results.put(error)
            self._over.set()
            return None
