"""The audit's log: what it appends, how long a receipt takes, and how long a proof, in a small log and in a large one.

The log is one of its own, served by an audit as the mesh runs it. Between the two sizes it is filled by the log's own
code in this process: so it fails over from one sequencer to another and back.
"""

import itertools
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from statistics import median

import psycopg

from concord.audit.v1.log_pb2 import GetInclusionProofRequest
from services.audit.domain.leaf import IncomingLeaf, decode
from services.audit.signing_keys import read_signer
from services.audit.storage.leaf_log import LeafLog
from services.mesh.postgres.database import Database, DatabaseSettings
from tools.bench.figures import Costs, Figure, Round
from tools.bench.hub import AUDIT_LOG, Hub
from tools.bench.leaves import SOURCE, append_requests, leaf
from tools.bench.load import CALLERS, Load, Outcome, run
from tools.mesh import LOG_ORIGIN

SMALL = 10_000
DEFAULT_SIZE = 1_000_000

_APPEND = "/concord.audit.v1.AuditService/AppendLeaves"
_PROVE = "/concord.audit.v1.LogService/GetInclusionProof"
_PERMISSIONS = ("audit.leaves.append", "audit.log.read")
_BATCH, _BATCHES, _RELAYS = 500, 30, 4
_CALLERS, _CALLS, _RECEIPTS = 64, 4_000, 2_000
_PROOFS = 2_000
_ROUNDS = 3
_FILL = 10_000
_FILLERS = 2
_SEED = 1


@dataclass(frozen=True)
class Appending:
    """What appending cost in a log of one size: per leaf, in batches and one by one; how long receipts took."""

    batch: Costs
    single: Costs
    receipt_p50: float
    receipt_p99: float


class AuditLog:
    """Measures one log, from empty on; `progress` is told what has been done."""

    def __init__(self, hub: Hub, size: int, progress: Callable[[str], None]) -> None:
        self._hub = hub
        self._size = size
        self._progress = progress
        self._audit = hub.audit_log()
        self._token = hub.token(_PERMISSIONS, client=SOURCE)
        self._url = hub.postgres.url(AUDIT_LOG.name)
        self._numbers = itertools.count()

    def batch_figure(self, name: str) -> Figure:
        """Measure batches of 500. Raises LoadError."""
        small, large = self._small.batch, self._large.batch
        also = {"small_rate": small.rate, "small_us": _cost(small), "us": _cost(large), **self._storage}
        return Figure(
            name, large.rate, "leaves/s", f"{SMALL:,} leaves", _cost(large) / _cost(small), costs=large, also=also
        )

    def single_figure(self, name: str) -> Figure:
        """Measure 64 callers of one leaf each. Raises LoadError."""
        small, large = self._small.single, self._large.single
        also = {"receipt_p50": self._large.receipt_p50, "receipt_p99": self._large.receipt_p99}
        return Figure(
            name, large.rate, "leaves/s", f"{SMALL:,} leaves", _cost(large) / _cost(small), costs=large, also=also
        )

    def proof_figure(self, name: str) -> Figure:
        """Measure proofs in the large log, one at a time. Raises LoadError."""
        self._fill()
        chance = random.Random(_SEED)  # noqa: S311 - which leaves, not a secret
        names = [f"leaves/{chance.randrange(self._leaves())}" for _ in range(_PROOFS)]
        requests = [GetInclusionProofRequest(name=each).SerializeToString() for each in names]
        run(self._load(_PROVE, requests[: _PROOFS // 10]), self._hub.directory / "generator")
        outcome = run(self._load(_PROVE, requests), self._hub.directory / "generator")
        also = {"p99": outcome.p99_ms, "leaves": float(self._leaves())}
        self._progress(
            f"a proof among {self._leaves():,} leaves: p50 {outcome.p50_ms:.2f} ms, p99 {outcome.p99_ms:.2f}"
        )
        return Figure(name, outcome.p50_ms, "ms", rate=outcome.rate, also=also)

    @cached_property
    def _small(self) -> Appending:
        self._fill_to(SMALL)
        return self._appending()

    @cached_property
    def _large(self) -> Appending:
        self._fill()
        return self._appending()

    @cached_property
    def _storage(self) -> dict[str, float]:
        """What a leaf takes on disk, indexes and tree included, and how much of that is the leaf itself."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            sizes = "SELECT pg_database_size(current_database()), sum(octet_length(leaf)), count(*) FROM leaves"
            tree = "SELECT pg_total_relation_size('tiles') + pg_total_relation_size('checkpoints')"
            total, own, count = connection.execute(sizes).fetchone() or (0, 0, 1)
            (of_tree,) = connection.execute(tree).fetchone() or (0,)
        return {"bytes_a_leaf": total / count, "own_bytes": float(own / count), "tree_bytes": float(of_tree / count)}

    def _appending(self) -> Appending:
        self._round(_BATCHES // 3, _BATCH, _RELAYS)
        self._round(_CALLS // 3, 1, _CALLERS)
        rounds = [(self._round(_BATCHES, _BATCH, _RELAYS), self._round(_CALLS, 1, _CALLERS)) for _ in range(_ROUNDS)]
        batch, single = (Costs.of([one[place][0] for one in rounds]) for place in (0, 1))
        receipts = [self._round(_RECEIPTS, 1, _CALLERS, single.rate / 2)[1] for _ in range(_ROUNDS)]
        found = Appending(batch, single, median(one.p50_ms for one in receipts), median(one.p99_ms for one in receipts))
        self._progress(
            f"a log of {self._leaves():,} leaves: {batch.rate:,.0f}/s in batches, {_cost(batch):.0f} us each; "
            f"{single.rate:,.0f}/s one by one, {_cost(single):.0f} us each; "
            f"receipts at half of that p50 {found.receipt_p50:.1f} ms, p99 {found.receipt_p99:.1f}"
        )
        return found

    def _round(self, calls: int, size: int, window: int, rate: float | None = None) -> tuple[Round, Outcome]:
        """Append new leaves, `size` with each call; what is counted are the leaves."""
        first = next(self._numbers) * 10**9
        load = self._load(_APPEND, append_requests(first, calls * size, size), window, rate)
        before = self._hub.used_by_audit(self._audit)
        outcome = run(load, self._hub.directory / "generator")
        used = self._hub.used_by_audit(self._audit) - before
        return Round(calls * size, used, outcome.rate * size, outcome.busy), outcome

    def _load(self, method: str, requests: Sequence[bytes], window: int = 1, rate: float | None = None) -> Load:
        to, token = self._audit.target, self._token
        return Load(to, method, token, requests, kind=CALLERS, window=window, connections=window, rate=rate)

    def _fill(self) -> None:
        self._fill_to(self._size)
        self._hub.settle()
        self._progress(f"the log holds {self._leaves():,} leaves")

    def _fill_to(self, size: int) -> None:
        """Append leaves until there are so many."""
        first, missing = next(self._numbers) * 10**9, size - self._leaves()
        database = Database(DatabaseSettings(self._url))
        log = LeafLog(database, read_signer(LOG_ORIGIN, self._hub.log_key_file))

        def append(start: int) -> None:
            data = [leaf(first + number) for number in range(start, min(start + _FILL, missing))]
            log.append([IncomingLeaf.of(decode(each), each) for each in data])

        try:
            with ThreadPoolExecutor(_FILLERS) as threads:
                list(threads.map(append, range(0, max(0, missing), _FILL)))
        finally:
            database.close()

    def _leaves(self) -> int:
        with psycopg.connect(self._url, autocommit=True) as connection:
            row = connection.execute("SELECT coalesce(max(leaf_index) + 1, 0) FROM leaves").fetchone()
        return int(row[0]) if row else 0


def _cost(costs: Costs) -> float:
    """Return the microseconds of processor time of audit and PostgreSQL for a leaf."""
    return costs.audit + costs.postgres
