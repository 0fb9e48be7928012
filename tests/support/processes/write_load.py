"""Writers that go on whatever is killed, and remember exactly what was acknowledged to them.

Each repeats a request until it is answered, with the same request id (or the same content, where that makes a repeat
harmless): whether the first attempt was committed is what it can't know.
"""

import random
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import grpc
import psycopg
from google.protobuf.field_mask_pb2 import FieldMask

from concord.audit.v1.audit_pb2 import AppendLeavesRequest
from concord.audit.v1.audit_pb2_grpc import AuditServiceStub
from concord.mdm.v1 import ingest_pb2, supplier_pb2, system_pb2
from services.mesh.errors import ConcordError, from_rpc_error
from tests.support.hub.served import Client
from tests.support.hub.stored import A_DAY, statement
from tests.support.hub.submitting import submit

T = TypeVar("T")

ENTITY = "entities/group"
SYSTEM = "systems/erp"
REVISIONS_A_RECORD = 20

_REPEATABLE = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED, grpc.StatusCode.DEADLINE_EXCEEDED}
_PAUSE_S = 0.02
_DEADLINE_S = 10.0
_SHUFFLED = 40
_NEWEST_LEAVES = "SELECT leaf FROM changes ORDER BY seq DESC LIMIT %s"


@dataclass(frozen=True)
class Acknowledged:
    """A write as its answer told it; `request_id` is empty where the content makes a repeat harmless."""

    record: str
    revision: int
    legal_name: str
    request_id: str = ""


class PostponedError(Exception):
    """The hub took a submission back to its sender: the audit is behind."""


@dataclass
class WriteLoad:
    """What all writers share: when it is over, what was acknowledged, what should never have been answered."""

    over: threading.Event = field(default_factory=threading.Event)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    repeats: int = 0
    batches_again: int = 0

    def until_answered(self, attempt: Callable[[], T]) -> T | None:
        """Return the answer, however often it takes; None when it is over before that."""
        while not self.over.is_set():
            try:
                return attempt()
            except grpc.RpcError as error:
                self.note(from_rpc_error(error))
            except PostponedError:
                pass  # counted below, with all that comes again
            self.repeats += 1
            self.over.wait(_PAUSE_S)
        return None

    def take(self, written: Acknowledged, expected_revision: int) -> None:
        """Note an answer."""
        if written.revision != expected_revision:
            self.wrong.append(f"{written} answers a write that makes revision {expected_revision}")
        self.acknowledged.append(written)

    def note(self, refusal: ConcordError) -> None:
        """Note what a service refused; that it is under repair is all it may say."""
        if refusal.code not in _REPEATABLE:
            self.wrong.append(f"{refusal.code} {refusal.reason}: {refusal}")


def register(client: Client) -> None:
    """Register the entity and the systems that the writers speak of."""
    entity = system_pb2.Entity(name=ENTITY, display_name="Group")
    client.systems.CreateEntity(system_pb2.CreateEntityRequest(entity=entity, request_id=str(uuid.uuid4())))
    for name, rank in (("systems/hub", 1), (SYSTEM, 10)):
        system = system_pb2.System(
            name=name,
            display_name=name,
            kind="test",
            entity=ENTITY,
            trust_rank=rank,
            authored_attributes=["supplier"],
        )
        client.systems.CreateSystem(system_pb2.CreateSystemRequest(system=system, request_id=str(uuid.uuid4())))


def decide(load: WriteLoad, client: Client, revisions: int = REVISIONS_A_RECORD) -> None:
    """Create suppliers and change each until it has so many revisions, as stewards do; changes wait for receipts."""
    while not load.over.is_set():
        _decide_one(load, client, revisions)


def _decide_one(load: WriteLoad, client: Client, revisions: int) -> None:
    content = supplier_pb2.Supplier(legal_name=_name(), entities=[ENTITY])
    creation = supplier_pb2.CreateSupplierRequest(supplier=content, request_id=str(uuid.uuid4()))
    created = load.until_answered(lambda: client.suppliers.CreateSupplier(creation, timeout=_DEADLINE_S))
    if created is None:
        return
    supplier = created.supplier
    load.take(Acknowledged(supplier.name, supplier.revision, content.legal_name, creation.request_id), 1)
    for revision in range(2, revisions + 1):
        change = supplier_pb2.UpdateSupplierRequest(
            supplier=supplier_pb2.Supplier(name=supplier.name, legal_name=_name()),
            update_mask=FieldMask(paths=["legal_name"]),
            etag=supplier.etag,
            request_id=str(uuid.uuid4()),
        )
        updated = load.until_answered(lambda asked=change: client.suppliers.UpdateSupplier(asked, timeout=_DEADLINE_S))  # type: ignore[misc]
        if updated is None:
            return
        supplier = updated.supplier
        load.take(
            Acknowledged(supplier.name, supplier.revision, change.supplier.legal_name, change.request_id), revision
        )


def tell(load: WriteLoad, client: Client) -> None:
    """Submit source records, each several times with another content, as an adapter does."""
    while not load.over.is_set():
        key = str(uuid.uuid4())
        for revision in range(1, REVISIONS_A_RECORD + 1):
            content = supplier_pb2.Supplier(legal_name=_name())
            said = statement(SYSTEM, key, content, at=A_DAY + timedelta(minutes=revision))
            answer = load.until_answered(lambda asked=said: _taken(client, asked))  # type: ignore[misc]
            if answer is None:
                return
            load.take(Acknowledged(answer.source_record, answer.revision, content.legal_name), revision)


def _taken(client: Client, said: ingest_pb2.SourceRecord) -> ingest_pb2.SubmitSourceRecordsResponse:
    (answer,) = submit(client, said)
    if answer.outcome == ingest_pb2.SubmitSourceRecordsResponse.OUTCOME_POSTPONED:
        raise PostponedError
    # With another outcome an error says that the receipt is not there yet, and the change stands.
    assert answer.outcome != ingest_pb2.SubmitSourceRecordsResponse.OUTCOME_QUARANTINED, answer
    return answer


def append_again(load: WriteLoad, url: str, audit: AuditServiceStub, chance: random.Random) -> None:
    """Append leaves of the hub's newest changes once more and in another order, whether the relay has or not."""
    while not load.over.wait(_PAUSE_S):
        try:
            leaves = _shuffled(url, chance)
            if leaves:
                audit.AppendLeaves(AppendLeavesRequest(leaves=leaves), timeout=_DEADLINE_S)
                load.batches_again += 1
        except psycopg.OperationalError:
            load.repeats += 1
        except grpc.RpcError as error:
            load.note(from_rpc_error(error))


def _shuffled(url: str, chance: random.Random) -> list[bytes]:
    with psycopg.connect(url) as connection:
        leaves = [bytes(leaf) for (leaf,) in connection.execute(_NEWEST_LEAVES, (_SHUFFLED,))]
    chance.shuffle(leaves)
    return leaves


@contextmanager
def under_load(load: WriteLoad, writers: Sequence[Callable[[], None]]) -> Iterator[WriteLoad]:
    """Let writers write for the time of the block."""
    with ThreadPoolExecutor(len(writers)) as threads:
        writing = [threads.submit(writer) for writer in writers]
        try:
            yield load
        finally:
            load.over.set()
        for each in writing:
            each.result()


def _name() -> str:
    return f"Supplier {uuid.uuid4()}"
