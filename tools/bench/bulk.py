"""The bulk import: batches from a file into golden records, at two processes, small and large in one run.

What shows a regression is not the rate, which is the machine's, but what a record costs in relation to the yardstick,
whether the rate keeps up and the memory stays flat as the hub fills, and how far away PostgreSQL's own COPY of the same
bytes is.
"""

import json
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from concord.mdm.v1 import ingest_pb2
from tools.bench.figures import Costs, Figure, Round
from tools.bench.hub import Hub
from tools.bench.importer import read_batches, write_batches
from tools.bench.load import LoadError, Outcome
from tools.bench.requests import ERP, import_batches
from tools.guarded_process import GuardedProcess
from tools.mesh import Running

SMALL = 10_000
DEFAULT_SIZE = 20_000

_WARM_UP = 2_000
_FIRST = 2_000_000
"""The number of the first record: no other load has as many."""

_STREAMS = 2
"""Streams to each process: one batch is computed while PostgreSQL takes in another."""

_SLOWEST = 100
"""Records a second below which an import is given up."""


@dataclass(frozen=True)
class Imported:
    """One import: what it cost, and the memory of the largest process afterwards, in MB."""

    round: Round
    resident_mb: float


class BulkImport:
    """Imports a small number of records, then a large one; `progress` is told what has been done."""

    def __init__(self, hub: Hub, size: int, progress: Callable[[str], None]) -> None:
        self._hub = hub
        self._size = size
        self._progress = progress
        self._processes: Sequence[Running] = (*hub.one, hub.second())
        self._next = _FIRST

    def figure(self, name: str, yardstick: str, yardstick_us: float) -> Figure:
        """Measure. Raises LoadError."""
        self._imported(_WARM_UP)
        small, large = self._imported(SMALL), self._imported(self._size)
        copied = self._copied()
        costs = Costs.of([large.round])
        also = {
            "records": float(self._size),
            "small_rate": small.round.rate,
            "rate_kept": large.round.rate / small.round.rate,
            "small_resident_mb": small.resident_mb,
            "resident_mb": large.resident_mb,
            "copy_rate": copied,
            "copy_ratio": large.round.rate / copied,
        }
        ratio = yardstick_us / costs.service
        return Figure(name, costs.rate, "records/s", yardstick, ratio, costs.rate, costs, also)

    @property
    def _file(self) -> Path:
        return self._hub.directory / "batches"

    def _imported(self, count: int) -> Imported:
        source_import = f"{ERP}/sourceImports/{uuid.uuid4()}"
        write_batches(self._file, import_batches(source_import, self._next, count))
        self._next += count
        before = self._hub.used(self._processes)
        outcome = self._sent(count)
        ended = time.monotonic()
        # A large import may leave more to publish than a round of calls: it is paid for all the same.
        drained = self._hub.await_drained()
        if not drained or outcome.calls != count:
            raise LoadError(f"{outcome.calls} of {count} records were imported; all receipts came: {drained}")
        used = self._hub.used(self._processes) - before
        resident = max(self._hub.resident_mb(process) for process in self._processes)
        self._progress(
            f"imported {count:,} records at {outcome.rate:,.0f}/s, receipts {time.monotonic() - ended:.1f} s later, "
            f"{resident:.0f} MB"
        )
        return Imported(Round(count, used, outcome.rate, outcome.busy), resident)

    def _sent(self, count: int) -> Outcome:
        result, log = (self._hub.directory / name for name in ("imported.json", "importer.log"))
        result.unlink(missing_ok=True)
        log.unlink(missing_ok=True)
        targets = ",".join(process.target for process in self._processes)
        module: list[str | Path] = [sys.executable, "-m", "tools.bench.importer", targets]
        command = [*module, self._hub.submitter_token_file, self._file, str(_STREAMS), result]
        with GuardedProcess.start(command, log=log) as process:
            status = process.wait(60 + count / _SLOWEST)
        if status != 0:
            raise LoadError(f"the import failed: {log.read_text().strip()[-500:]}")
        return Outcome(**json.loads(result.read_text()))

    def _copied(self) -> float:
        """Return how many of these records PostgreSQL's COPY takes a second, as keys and bytes, with a primary key."""
        rows = [
            (row.source_record.key, row.source_record.SerializeToString())
            for batch in read_batches(self._file, most=SMALL // 200)
            for row in ingest_pb2.ImportSourceRecordsRequest.FromString(batch).rows
        ]
        seconds = self._hub.copied(rows)
        self._progress(f"PostgreSQL copied {len(rows):,} records at {len(rows) / seconds:,.0f}/s")
        return len(rows) / seconds
