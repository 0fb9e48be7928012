"""A small record service for tests: suppliers written through the real store, receipts from an audit in memory."""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection

from concord.audit.v1.audit_pb2 import OPERATION_CREATE, OPERATION_UPDATE, Receipt
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1.supplier_pb2 import Supplier
from services.mesh.errors import ConcordError
from services.mesh.postgres.database import Database
from services.mesh.records.keys import KeyRing
from services.mesh.records.leaf import Origin
from services.mesh.records.relay import Relay
from services.mesh.records.sealing import Sealer
from services.mesh.records.store import Head, RecordStore, RevisionDraft
from tests.support.waiting import eventually

ORIGIN = Origin.system("tests/ledger", reason="a test")
RING = KeyRing({1: bytes(range(32))})


class AuditInMemory:
    """Gives receipts and remembers every leaf once, as the audit does; refuses while it is down."""

    def __init__(self) -> None:
        self.leaves: list[bytes] = []
        self.calls: list[int] = []
        self.up = threading.Event()
        self.up.set()
        self._receipts: dict[bytes, Receipt] = {}
        self._lock = threading.Lock()

    def append(self, leaves: Sequence[bytes]) -> list[Receipt]:
        if not self.up.is_set():
            raise ConcordError(reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE, "the audit is down")
        with self._lock:
            self.calls.append(len(leaves))
            return [self._receipt(leaf) for leaf in leaves]

    def _receipt(self, leaf: bytes) -> Receipt:
        digest = hashlib.sha256(b"\0" + leaf).digest()
        if digest not in self._receipts:
            self._receipts[digest] = Receipt(leaf_index=len(self.leaves), leaf_hash=digest)
            self.leaves.append(leaf)
        return self._receipts[digest]


class Ledger:
    """Writes suppliers into one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.store = RecordStore("tests", Sealer(RING))

    def write(self, *names: str, legal_name: str = "Acme") -> None:
        """Append one revision to each record in one transaction, its first where there is none."""
        with self.database.transaction() as connection:
            self.write_in(connection, *names, legal_name=legal_name)

    def write_in(self, connection: Connection, *names: str, legal_name: str = "Acme") -> dict[str, Head]:
        """Append one revision to each record in a transaction that is the caller's."""
        heads = self.store.lock(connection, names)
        drafts = [draft(name, heads[name], Supplier(legal_name=legal_name)) for name in names]
        return {name: made.head for name, made in self.store.append(connection, drafts, ORIGIN).items()}

    def change(self, name: str, content: Supplier) -> None:
        """Append one revision with this content, told against the one before."""
        with self.database.transaction() as connection:
            head = self.store.lock(connection, [name])[name]
            revision = self.store.read(connection, [name]).get(name)
            previous = self.store.content(revision, Supplier) if revision else None
            self.store.append(connection, [draft(name, head, content, previous)], ORIGIN)


def draft(name: str, head: Head | None, content: Supplier, previous: Supplier | None = None) -> RevisionDraft:
    """Draft a supplier's next revision."""
    operation = OPERATION_UPDATE if head else OPERATION_CREATE
    return RevisionDraft(name, "supplier", operation, content, head=head, previous=previous, entities=("entities/a",))


@contextmanager
def relaying(database: Database, audit: AuditInMemory) -> Iterator[Relay]:
    """Run a relay for the time of the block."""
    relay = Relay(database, audit.append)
    relay.start()
    try:
        yield relay
    finally:
        relay.stop()


def publish_everything(database: Database, audit: AuditInMemory) -> None:
    """Run a relay until nothing waits any more."""
    with relaying(database, audit) as relay:
        eventually(lambda: relay.backlog() == 0)
