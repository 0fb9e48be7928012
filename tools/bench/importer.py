"""`python -m tools.bench.importer TARGETS TOKEN_FILE BATCHES STREAMS OUT`: send a file of batches, write the outcome.

The file holds serialised requests of ImportSourceRecords, each behind its length, so that no more of it is in memory
than what is under way. Each of so many streams to each of the targets (parted by commas) takes the next batch when its
last one but one is answered. A batch of which not every row was created ends it with status 1 and says why.
"""

import itertools
import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import grpc

from concord.mdm.v1.import_pb2 import ImportedRow, ImportSourceRecordsResponse
from tools.bench.generator import OPTIONS, WrongAnswerError
from tools.bench.load import Outcome

METHOD = "/concord.mdm.v1.IngestService/ImportSourceRecords"

_LENGTH_BYTES = 4
_UNDER_WAY = 2
"""Batches of a stream that are sent and not answered: one is taken in while the next one travels."""


def write_batches(path: Path, batches: Iterator[bytes]) -> None:
    """Write a file of batches."""
    with path.open("wb") as file:
        for batch in batches:
            file.write(len(batch).to_bytes(_LENGTH_BYTES, "big") + batch)


def read_batches(path: Path, most: int) -> list[bytes]:
    """Return the first batches of a file, at most so many."""
    return list(itertools.islice(Batches(path), most))


class Batches:
    """The batches of a file, each handed out once; safe in threads."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[bytes]:
        while (batch := self._next()) is not None:
            yield batch

    def _next(self) -> bytes | None:
        with self._lock:
            length = self._file.read(_LENGTH_BYTES)
            return self._file.read(int.from_bytes(length, "big")) if length else None


class Stream:
    """One stream of batches; `created` counts the rows that were answered rightly, `failure` is what ended it."""

    def __init__(self, target: str, token: str, batches: Batches) -> None:
        self._channel = grpc.insecure_channel(target, options=OPTIONS)
        self._token = token
        self._batches = batches
        self._free = threading.Semaphore(_UNDER_WAY)
        self.created = 0
        self.failure: Exception | None = None
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        call: Any = self._channel.stream_stream(METHOD)
        try:
            for data in call(self._sent(), metadata=(("authorization", f"Bearer {self._token}"),)):
                self._count(ImportSourceRecordsResponse.FromString(data))
                self._free.release()
        except (grpc.RpcError, WrongAnswerError) as error:
            self.failure = error

    def _sent(self) -> Iterator[bytes]:
        for batch in self._batches:
            self._free.acquire()
            yield batch

    def _count(self, answer: ImportSourceRecordsResponse) -> None:
        for row in answer.rows:
            if row.outcome != ImportedRow.OUTCOME_CREATED:
                raise WrongAnswerError(f"row {row.row}: {ImportedRow.Outcome.Name(row.outcome)} {row.error.message}")
        self.created += len(answer.rows)


def main() -> int:
    """Send everything and return the exit status."""
    targets, token_file, file, streams, out = sys.argv[1:]
    batches, token = Batches(Path(file)), Path(token_file).read_text()
    sent = [Stream(target, token, batches) for target in targets.split(",") for _ in range(int(streams))]
    began, computed = time.perf_counter(), time.process_time()
    for stream in sent:
        stream.thread.start()
    for stream in sent:
        stream.thread.join()
    seconds, busy = time.perf_counter() - began, time.process_time() - computed
    for stream in sent:
        if stream.failure is not None:
            print(f"{type(stream.failure).__name__} {stream.failure}")
            return 1
    outcome = Outcome(sum(stream.created for stream in sent), seconds, busy / seconds)
    Path(out).write_text(json.dumps(asdict(outcome)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
