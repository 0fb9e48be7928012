"""The programme: what is measured, and in which order, so that noise meets everything alike."""

import itertools
import json
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median

from google.protobuf.field_mask_pb2 import FieldMask

from concord.mdm.v1 import supplier_pb2
from tools.bench.appending import Appending
from tools.bench.bulk import BulkImport
from tools.bench.figures import Costs, Figure, Round, percentile
from tools.bench.hub import Hub
from tools.bench.load import INGEST, Load, LoadError, run
from tools.bench.match_one import MatchOne
from tools.bench.requests import submissions
from tools.bench.trial import Subject, measured
from tools.guarded_process import GuardedProcess
from tools.leftovers import wait_until
from tools.mesh import Running

EMPTY, GET, UPDATE, INGESTION, FEED, SECOND, BULK, MATCH = (
    *("empty_rpc", "get_supplier", "update_supplier", "ingest", "feed_p99", "second_process", "import_bulk"),
    "match_one",
)
BATCHES, SINGLES, PROOF = "audit_batch", "audit_single", "audit_proof"
NAMES = (EMPTY, GET, UPDATE, INGESTION, FEED, SECOND, BULK, MATCH, BATCHES, SINGLES, PROOF)

ROUNDS = 5
_FEED_ROUNDS = 3

_SUPPLIERS = 3000
_POPULATION = 4000  # three of four are suppliers
_EMPTY_CALLS = 12_000
_UPDATES = 1500
_INGESTED = 3000
_INGEST_STREAMS = 8
_FEED_S = 5.0
_SHARE_OF_MAXIMUM = 0.5
_CONNECTIONS = 8  # of which each of two processes gets some

_SERVICE = "/concord.mdm.v1.SupplierService/"
_PATIENCE_S = 60.0
_MICROSECONDS = "us of processor time per call"

_ONE, _PAIR = "one process, 8 connections", "two processes, 8 connections"
_INGEST_PAIR = "ingest by two processes"


@dataclass(frozen=True)
class Sizes:
    """How many records are imported in bulk, among how many one is matched, how many leaves the large log has."""

    imported: int
    population: int
    leaves: int


class Programme:
    """Measures what is selected; `progress` is told what has been done."""

    def __init__(
        self, hub: Hub, yardstick: Running, selected: Sequence[str], progress: Callable[[str], None], sizes: Sizes
    ) -> None:
        self._hub = hub
        self._sizes = sizes
        self._yardstick = yardstick
        self._selected = selected
        self._progress = progress
        self._numbers = itertools.count(1)
        self._rounds: dict[str, list[Round]] = {}
        self._names: list[str] = []
        self._delays: list[tuple[float, float]] = []

    def run(self) -> list[Figure]:
        """Measure and return the figures in the order of NAMES. Raises LoadError, UnsteadyError, LookupError."""
        self._populate()
        subjects = list(self._subjects())
        for subject in subjects:
            measured(subject, self._hub, self._progress)
        self._progress("everything has run once, which does not count")
        for number in range(1, ROUNDS + 1):
            for subject in subjects:
                one = measured(subject, self._hub, self._progress)
                self._rounds.setdefault(subject.name, []).append(one)
            self._progress(f"round {number} of {ROUNDS}")
        if FEED in self._selected:
            self._hub.settle()
            rate = median(one.rate for one in self._rounds[UPDATE]) * _SHARE_OF_MAXIMUM
            self._delays.extend(self._follow(rate) for _ in range(_FEED_ROUNDS))
        return [self._figure(name) for name in NAMES if name in self._selected]

    def _populate(self) -> None:
        run(self._ingest(_POPULATION), self._hub.directory / "generator")
        self._hub.await_drained()
        self._hub.await_indexed()
        self._names = [supplier.name for supplier in self._hub.suppliers(_SUPPLIERS)]
        self._progress(f"the hub holds {_POPULATION:,} records")

    def _subjects(self) -> Iterator[Subject]:
        hub = self._hub
        yield Subject(EMPTY, self._empty, [self._yardstick])
        if GET in self._selected:
            yield Subject(GET, lambda: self._get(hub.target), hub.one)
        if UPDATE in self._selected or FEED in self._selected:
            yield Subject(UPDATE, self._update, hub.one)
        if INGESTION in self._selected:
            pair = hub.pair()
            yield Subject(INGESTION, lambda: self._ingest(_INGESTED), hub.one)
            yield Subject(_INGEST_PAIR, lambda: self._ingest(_INGESTED, pair[0].target), pair, spread=True)
        if SECOND in self._selected:
            pair = hub.pair()
            alone = hub.second()
            yield Subject(_ONE, lambda: self._get(alone.target, _CONNECTIONS), [alone], spread=True)
            yield Subject(_PAIR, lambda: self._get(pair[0].target, _CONNECTIONS), pair, spread=True)

    def _empty(self) -> Load:
        again = -(-_EMPTY_CALLS // len(self._names))
        requests = [self._request(name) for name in self._names * again][:_EMPTY_CALLS]
        return Load(self._yardstick.target, "/bench.Yardstick/Empty", self._hub.steward, requests)

    def _get(self, target: str, connections: int = 1) -> Load:
        requests = [self._request(name) for name in self._names]
        expected = [supplier_pb2.Supplier(name=name).SerializeToString() for name in self._names]
        method = f"{_SERVICE}GetSupplier"
        return Load(target, method, self._hub.steward, requests, expected, connections=connections)

    def _request(self, name: str) -> bytes:
        return supplier_pb2.GetSupplierRequest(name=name).SerializeToString()

    def _update(self, count: int = _UPDATES, rate: float | None = None) -> Load:
        """Change one open field of suppliers that have sealed ones; their etags are read before."""
        mark = f"https://update-{next(self._numbers)}.example.com/"
        requests = [
            supplier_pb2.UpdateSupplierRequest(
                supplier=supplier_pb2.Supplier(name=supplier.name, website=f"{mark}{place}"),
                update_mask=FieldMask(paths=["website"]),
                etag=supplier.etag,
                request_id=str(uuid.uuid4()),
            ).SerializeToString()
            for place, supplier in enumerate(self._hub.suppliers(count))
        ]
        expected = [supplier_pb2.Supplier(website=f"{mark}{place}").SerializeToString() for place in range(count)]
        method = f"{_SERVICE}UpdateSupplier"
        return Load(self._hub.target, method, self._hub.steward, requests, expected, rate=rate)

    def _ingest(self, count: int, target: str = "") -> Load:
        """Submit records that are all new; each stream on a connection of its own, as adapters have them."""
        return Load(
            target or self._hub.target,
            "/concord.mdm.v1.IngestService/SubmitSourceRecords",
            self._hub.submitter,
            submissions(next(self._numbers) * 10_000, count),
            kind=INGEST,
            window=_INGEST_STREAMS,
            connections=_INGEST_STREAMS,
        )

    def _follow(self, rate: float) -> tuple[float, float]:
        """Update at a rate while a subscriber follows; return that rate and the 99th percentile of its delays."""
        count = min(_SUPPLIERS, int(rate * _FEED_S))
        log, out = (self._hub.directory / name for name in ("subscriber.log", "arrived.json"))
        log.unlink(missing_ok=True)
        load = self._update(count, rate)
        module: list[str | Path] = [sys.executable, "-m", "tools.bench.subscriber"]
        command = [*module, self._hub.target, self._hub.steward_token_file, str(count), out]
        with GuardedProcess.start(command, log=log) as process:
            if not wait_until(lambda: "listens" in log.read_text(), timeout_s=_PATIENCE_S):
                raise LoadError(f"the subscriber does not listen: {log.read_text()}")
            outcome = run(load, self._hub.directory / "generator")
            if process.wait(_PATIENCE_S) != 0:
                raise LoadError(f"the subscriber failed: {log.read_text()}")
        arrived: list[tuple[str, int, float]] = json.loads(out.read_text())
        committed = self._hub.committed([(record, revision) for record, revision, _ in arrived])
        delays = [(at - committed[record, revision]) * 1000 for record, revision, at in arrived]
        at_99 = percentile(delays, 0.99)
        self._progress(
            f"feed at {outcome.rate:.0f} updates/s: p50 {percentile(delays, 0.5):.0f} ms, p99 {at_99:.0f} ms"
        )
        return outcome.rate, at_99

    @cached_property
    def _appending(self) -> Appending:
        self._hub.settle()
        return Appending(self._hub, self._sizes.leaves, self._progress)

    def _figure(self, name: str) -> Figure:
        apart: Mapping[str, Callable[[], Figure]] = {
            FEED: self._feed_figure,
            SECOND: self._second_figure,
            BULK: self._bulk_figure,
            MATCH: self._match_figure,
            BATCHES: lambda: self._appending.batch_figure(BATCHES),
            SINGLES: lambda: self._appending.single_figure(SINGLES),
            PROOF: lambda: self._appending.proof_figure(PROOF),
        }
        return apart[name]() if name in apart else self._call_figure(name)

    def _call_figure(self, name: str) -> Figure:
        costs, yardstick = Costs.of(self._rounds[name]), Costs.of(self._rounds[EMPTY])
        ratio = yardstick.service / costs.service
        if name != INGESTION:
            return Figure(name, costs.service, _MICROSECONDS, EMPTY, ratio, costs.rate, costs)
        pair = Costs.of(self._rounds[_INGEST_PAIR])
        also = {"two_processes_rate": pair.rate, "two_processes_us": pair.service}
        return Figure(name, costs.rate, "records/s", EMPTY, ratio, costs.rate, costs, also)

    def _match_figure(self) -> Figure:
        self._hub.settle()
        return MatchOne(self._hub.postgres, self._sizes.population, self._progress).figure(MATCH)

    def _bulk_figure(self) -> Figure:
        self._hub.settle()
        bulk = BulkImport(self._hub, self._sizes.imported, self._progress)
        return bulk.figure(BULK, EMPTY, Costs.of(self._rounds[EMPTY]).service)

    def _feed_figure(self) -> Figure:
        rates, delays = zip(*self._delays, strict=True)
        maximum = Costs.of(self._rounds[UPDATE]).rate
        return Figure(FEED, median(delays), "ms", rate=median(rates), also={"maximal_rate": maximum})

    def _second_figure(self) -> Figure:
        one, pair = Costs.of(self._rounds[_ONE]), Costs.of(self._rounds[_PAIR])
        ratio = pair.service / one.service
        also = {"one_process_us": one.service, "one_process_rate": one.rate}
        return Figure(SECOND, pair.service, _MICROSECONDS, GET, ratio, pair.rate, pair, also)
