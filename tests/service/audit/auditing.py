"""An auditor at work on a served audit: what they kept, and what they find in a bundle of today."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

from clients.verifier import receipts
from clients.verifier.bundle import Bundle
from clients.verifier.checkpoint import Checkpoint
from clients.verifier.trust import Trust
from clients.verifier.verdict import Verdict
from clients.verifier.verification import verify
from concord.audit.v1.audit_pb2 import AppendLeavesRequest, Leaf, Receipt
from concord.audit.v1.bundle_pb2 import ExportBundleRequest
from concord.audit.v1.bundle_pb2_grpc import BundleServiceStub
from services.mesh.calling.client import FixedToken, open_channel
from tests.service.audit.conftest import APPEND, Clients
from tests.support.audit import evidence
from tests.support.audit.evidence import LOG_KEY, WITNESS_KEY

EXPORT = "audit.bundles.export"


@dataclass
class Service:
    """A service that records changes, and keeps the receipts in its own database."""

    clients: Clients
    kept: list[dict[str, Any]] = field(default_factory=list)

    def record(self, leaves: Sequence[bytes]) -> None:
        """Send leaves, keep what is receipted."""
        with self.clients.stub(self.clients.granted(APPEND)) as stub:
            answer = stub.AppendLeaves(AppendLeavesRequest(leaves=leaves))
        self.kept += [_kept(leaf, receipt) for leaf, receipt in zip(leaves, answer.receipts, strict=True)]


@dataclass
class Auditor:
    """Somebody who trusts two public keys and what they kept: never what they are handed."""

    folder: Path
    service: Service

    def exported(self, clients: Clients, **asked: Any) -> Path:
        """Have a bundle exported."""
        path = self.folder / "evidence.zip"
        path.write_bytes(exported(clients, **asked))
        return path

    def checkpoint(self, bundle: Path) -> Checkpoint:
        """Take the checkpoint out of a bundle, to keep it."""
        with Bundle(bundle) as opened:
            return opened.checkpoint

    def verdict(self, bundle: Path, **more: Any) -> Verdict:
        """Check a bundle with the keys of the log and the witness and the service's receipts."""
        file = self.folder / "receipts.jsonl"
        file.write_text("".join(f"{json.dumps(each)}\n" for each in self.service.kept))
        told: dict[str, Any] = {
            "log_keys": [LOG_KEY],
            "witnesses": [WITNESS_KEY],
            "receipts": receipts.read(file),
        } | more
        with Bundle(bundle) as opened:
            return verify(opened, Trust(**told))


def exported(clients: Clients, permissions: Sequence[str] = (EXPORT,), **asked: Any) -> bytes:
    """Return the bytes of a bundle, in the caller's scope."""
    entities = asked.pop("entities", ("*",))
    with ExitStack() as stack:
        token = FixedToken(clients.granted(*permissions, entities=entities))
        channel = stack.enter_context(open_channel(f"127.0.0.1:{clients.port}", token=token))
        pieces = BundleServiceStub(channel).ExportBundle(ExportBundleRequest(**asked))
        return b"".join(piece.data for piece in pieces)


def _kept(data: bytes, receipt: Receipt) -> dict[str, Any]:
    """Return what the hub's positions and changes say of a leaf."""
    leaf = Leaf.FromString(data)
    key = {"source_service": leaf.source_service, "record": leaf.record, "revision": leaf.revision}
    at = receipt.receive_time.ToDatetime(UTC).isoformat()
    return {"index": receipt.leaf_index, **key, "leaf_hash": evidence.base64_of(receipt.leaf_hash), "time": at}
