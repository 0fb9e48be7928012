"""One log of the audit's under measurement: filled to a size, appended to in rounds, asked for proofs.

The log is one of its own, served by an audit as the mesh runs it. What fills it is the log's own code in this process:
so it fails over from one sequencer to another and back.
"""

import itertools
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg

from concord.audit.v1.log_pb2 import GetInclusionProofRequest
from services.audit.domain.leaf import IncomingLeaf, decode
from services.audit.signing_keys import read_signer
from services.audit.storage.leaf_log import LeafLog
from services.mesh.postgres.database import Database, DatabaseSettings
from tools.bench.figures import Round
from tools.bench.hub import Hub
from tools.bench.leaves import SOURCE, append_requests, leaf
from tools.bench.load import CALLERS, Load, Outcome, run
from tools.mesh import LOG_ORIGIN

_APPEND = "/concord.audit.v1.AuditService/AppendLeaves"
_PROVE = "/concord.audit.v1.LogService/GetInclusionProof"
_PERMISSIONS = ("audit.leaves.append", "audit.log.read")
_FILL = 10_000
_FILLERS = 2
_SEED = 1


class AuditLog:
    """A log, empty at first, and the audit that serves it."""

    def __init__(self, hub: Hub, name: str) -> None:
        """Start the audit; `name` is also its database's."""
        self._hub = hub
        self._audit = hub.audit_log(name)
        self._token = hub.token(_PERMISSIONS, client=SOURCE)
        self._url = hub.postgres.url(name)
        self._numbers = itertools.count()

    def fill_to(self, size: int) -> None:
        """Append leaves until there are so many."""
        first, missing = next(self._numbers) * 10**9, size - self.leaves()
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

    def round(self, calls: int, size: int, callers: int, rate: float | None = None) -> tuple[Round, Outcome]:
        """Append new leaves, `size` with each call; what is counted are the leaves. Raises LoadError."""
        first = next(self._numbers) * 10**9
        load = self._load(_APPEND, append_requests(first, calls * size, size), callers, rate)
        before = self._hub.used_by_audit(self._audit)
        outcome = run(load, self._hub.directory / "generator")
        used = self._hub.used_by_audit(self._audit) - before
        return Round(calls * size, used, outcome.rate * size, outcome.busy), outcome

    def prove(self, count: int) -> Outcome:
        """Ask for the proofs of leaves by chance, one call at a time. Raises LoadError."""
        chance = random.Random(_SEED)  # noqa: S311 - which leaves, not a secret
        names = [f"leaves/{chance.randrange(self.leaves())}" for _ in range(count)]
        requests = [GetInclusionProofRequest(name=each).SerializeToString() for each in names]
        return run(self._load(_PROVE, requests), self._hub.directory / "generator")

    def leaves(self) -> int:
        """Return how many leaves the log holds."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            row = connection.execute("SELECT coalesce(max(leaf_index) + 1, 0) FROM leaves").fetchone()
        return int(row[0]) if row else 0

    def storage(self) -> dict[str, float]:
        """Return what a leaf takes on disk, indexes and tree included, and how much of that is the leaf itself."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            sizes = "SELECT pg_database_size(current_database()), sum(octet_length(leaf)), count(*) FROM leaves"
            tree = "SELECT pg_total_relation_size('tiles') + pg_total_relation_size('checkpoints')"
            total, own, count = connection.execute(sizes).fetchone() or (0, 0, 1)
            (of_tree,) = connection.execute(tree).fetchone() or (0,)
        return {"bytes_a_leaf": total / count, "own_bytes": float(own / count), "tree_bytes": float(of_tree / count)}

    def _load(self, method: str, requests: Sequence[bytes], callers: int = 1, rate: float | None = None) -> Load:
        to, token = self._audit.target, self._token
        return Load(to, method, token, requests, kind=CALLERS, window=callers, connections=callers, rate=rate)
