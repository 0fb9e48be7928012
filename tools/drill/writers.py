"""Stewards who write all the time, repeat what is not answered, and remember every answer and when it came."""

import itertools
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

from concord.mdm.v1.supplier_pb2 import CreateSupplierRequest, Supplier, UpdateSupplierRequest
from concord.mdm.v1.supplier_pb2_grpc import SupplierServiceStub
from services.mesh.errors import ConcordError, from_rpc_error
from tools.leftovers import wait_until

T = TypeVar("T")

ENTITY = "entities/drill"
WRITERS = 4

_REVISIONS_A_RECORD = 5
_REPEATABLE = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED, grpc.StatusCode.DEADLINE_EXCEEDED}
_PAUSE_S = 0.02
_DEADLINE_S = 10.0
_PATIENCE_S = 90.0

_numbers = itertools.count(1)


class LoadError(Exception):
    """A writer got an answer that it should never get, or none at all."""


@dataclass(frozen=True)
class Acknowledged:
    """One write that was answered with success; `at` is when, on the clock of `time.monotonic`."""

    record: str
    revision: int
    request_id: str
    at: float


@dataclass
class Writing:
    """What the writers share: whether it is over, what was acknowledged, what went wrong."""

    over: threading.Event = field(default_factory=threading.Event)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    wrong: list[ConcordError] = field(default_factory=list)
    repeats: int = 0

    def await_answers(self, count: int) -> None:
        """Wait for so many more answers. Raises LoadError."""
        wanted = len(self.acknowledged) + count
        wait_until(lambda: len(self.acknowledged) >= wanted, timeout_s=_PATIENCE_S, give_up=lambda: bool(self.wrong))
        self.require_right()
        if len(self.acknowledged) < wanted:
            raise LoadError(f"nothing was answered for {_PATIENCE_S:.0f} s")

    def require_right(self) -> None:
        """Raise LoadError when a service answered what no failover excuses."""
        if self.wrong:
            raise LoadError(f"a writer was refused: {self.wrong[0].reason_name}: {self.wrong[0]}")

    def recovery(self, lost_at: float) -> float:
        """Return the longest time without an answer that ended after a loss, in seconds.

        An answer that was under way at the loss is not the first one after it.
        """
        times = sorted(one.at for one in self.acknowledged)
        return max(after - before for before, after in itertools.pairwise(times) if after > lost_at)

    def until_answered(self, attempt: Callable[[], T]) -> T | None:
        """Return the answer, however often the request has to be repeated; None when it is over before that."""
        while not self.over.is_set():
            try:
                return attempt()
            except grpc.RpcError as error:
                refusal = from_rpc_error(error)
                if refusal.code not in _REPEATABLE:
                    self.wrong.append(refusal)
                    self.over.set()
            self.repeats += 1
            self.over.wait(_PAUSE_S)
        return None


@contextmanager
def writing(suppliers: SupplierServiceStub, writers: int = WRITERS) -> Iterator[Writing]:
    """Let writers write for the time of the block. Raises LoadError for an answer that no failover excuses."""
    shared = Writing()
    with ThreadPoolExecutor(writers) as threads:
        running = [threads.submit(_write, shared, suppliers) for _ in range(writers)]
        try:
            shared.await_answers(writers)
            yield shared
        finally:
            shared.over.set()
        for each in running:
            each.result()
    shared.require_right()


def _write(shared: Writing, suppliers: SupplierServiceStub) -> None:
    """Create suppliers and change each; of a change of its name the answer waits for the audit's receipt."""
    while not shared.over.is_set():
        written: Supplier | None = None
        for revision in range(1, _REVISIONS_A_RECORD + 1):
            request_id = str(uuid.uuid4())
            written = _revise(shared, suppliers, written, request_id)
            if written is None:
                break
            if written.revision != revision:
                raise LoadError(f"revision {written.revision} of {written.name} answers a write that makes {revision}")
            shared.acknowledged.append(Acknowledged(written.name, revision, request_id, time.monotonic()))


def _revise(
    shared: Writing, suppliers: SupplierServiceStub, before: Supplier | None, request_id: str
) -> Supplier | None:
    """Create a supplier, or change the one before; return it as it is then."""
    name = f"Supplier {next(_numbers)} {request_id[:8]}"
    if before is None:
        creation = CreateSupplierRequest(supplier=Supplier(legal_name=name, entities=[ENTITY]), request_id=request_id)
        created = shared.until_answered(lambda: suppliers.CreateSupplier(creation, timeout=_DEADLINE_S))
        return created.supplier if created else None
    change = UpdateSupplierRequest(
        supplier=Supplier(name=before.name, legal_name=name),
        update_mask=FieldMask(paths=["legal_name"]),
        etag=before.etag,
        request_id=request_id,
    )
    updated = shared.until_answered(lambda: suppliers.UpdateSupplier(change, timeout=_DEADLINE_S))
    return updated.supplier if updated else None
