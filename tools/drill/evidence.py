"""What evidence says after a loss: the hub compared with the audit, both with what callers were told."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, LiteralString

import grpc
import psycopg

from concord.audit.v1.audit_pb2 import Leaf
from concord.audit.v1.bundle_pb2 import ExportBundleRequest
from concord.audit.v1.bundle_pb2_grpc import BundleServiceStub
from concord.evidence.v1.evidence_pb2 import EvidenceDifference, ReconcileEvidenceRequest
from concord.evidence.v1.evidence_pb2_grpc import EvidenceServiceStub
from tools.drill.writers import Acknowledged
from tools.leftovers import wait_until
from tools.postgres import PostgresServer

Change = tuple[str, int, str]
"""A record, its revision, the request that made it."""

_SPOOL = "SELECT count(*) FROM (SELECT FROM spool LIMIT 1) AS waiting"
_CHANGES = "SELECT leaf FROM changes"
_LAST = "SELECT max(occurred_at)::text FROM changes"
_RECEIPTS = """
SELECT json_build_object('index', leaf_index, 'source_service', 'mdm', 'record', record,
    'revision', revision, 'leaf_hash', encode(leaf_hash, 'base64'), 'time', published_at)::text
FROM positions JOIN changes USING (seq) ORDER BY leaf_index
"""
_COSIGNED = "SELECT (SELECT max(tree_size) FROM cosignatures) = (SELECT max(tree_size) FROM checkpoints)"
_DRAINED_S = 90.0


class LostError(Exception):
    """Evidence or acknowledged writes are not what was promised."""


def await_drained(hub: PostgresServer) -> None:
    """Wait until every change of the hub has its receipt. Raises LostError."""
    if not wait_until(lambda: rows(hub, "mdm", _SPOOL) == [(0,)], timeout_s=_DRAINED_S, pause_s=0.05):
        raise LostError(f"changes still wait for their receipts after {_DRAINED_S:.0f} s")


def await_cosigned(audit: PostgresServer) -> None:
    """Wait until the witness has cosigned the whole log. Raises LostError."""
    if not wait_until(lambda: rows(audit, "audit", _COSIGNED) == [(True,)], timeout_s=_DRAINED_S, pause_s=0.05):
        raise LostError(f"the witness has not cosigned the log after {_DRAINED_S:.0f} s")


def missing(hub: PostgresServer, acknowledged: Iterable[Acknowledged]) -> list[Acknowledged]:
    """Return the acknowledged writes that the hub's database does not hold as they were told."""
    held = {_change(bytes(leaf)) for (leaf,) in rows(hub, "mdm", _CHANGES)}
    return [one for one in acknowledged if (one.record, one.revision, one.request_id) not in held]


def last_change(hub: PostgresServer) -> str:
    """Return when the newest change was made that a hub's database holds."""
    return str(rows(hub, "mdm", _LAST)[0][0])


def differences(channel: grpc.Channel) -> list[EvidenceDifference]:
    """Compare all evidence of the hub with the audit's; return every difference."""
    service, token = EvidenceServiceStub(channel), ""
    found: list[EvidenceDifference] = []
    while True:
        page = service.ReconcileEvidence(ReconcileEvidenceRequest(page_token=token))
        found += page.differences
        token = page.next_page_token
        if not token:
            return found


def named(found: Iterable[EvidenceDifference], gone: Iterable[Acknowledged]) -> int:
    """Count the writes that are gone and are among the differences found: the audit knows them, the hub does not."""
    unknown = {(one.record, one.revision) for one in found if one.kind == EvidenceDifference.KIND_UNKNOWN_TO_SERVICE}
    return sum((one.record, one.revision) in unknown for one in gone)


def verified(channel: grpc.Channel, hub: PostgresServer, keys: Path, directory: Path) -> str:
    """Check the whole log as an auditor does, with its witness and the hub's receipts; return what is proven.

    `keys` is the directory of the public keys. Raises LostError with what is refuted.
    """
    directory.mkdir(parents=True, exist_ok=True)
    bundle, receipts = directory / "evidence.zip", directory / "mdm.receipts.jsonl"
    with bundle.open("wb") as file:
        for piece in BundleServiceStub(channel).ExportBundle(ExportBundleRequest()):
            file.write(piece.data)
    # Read after the bundle: what it holds more is of leaves that are newer than the bundle.
    receipts.write_text("".join(f"{json.dumps(json.loads(row))}\n" for (row,) in rows(hub, "mdm", _RECEIPTS)))
    command: list[str | Path] = [sys.executable, "-m", "clients.verifier", bundle, "--receipts", receipts]
    command += ["--key", keys / "log.vkey", "--witness", keys / "witness.vkey"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LostError(f"the log is refuted: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def rows(server: PostgresServer, database: str, statement: LiteralString) -> list[tuple[Any, ...]]:
    """Return what a query gives, asked as the superuser."""
    with psycopg.connect(server.url(database)) as connection:
        return connection.execute(statement).fetchall()


def _change(data: bytes) -> Change:
    leaf = Leaf.FromString(data)
    return leaf.record, leaf.revision, leaf.request_id
