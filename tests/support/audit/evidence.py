"""Evidence as an auditor gets it, built without a log: signed checkpoints, bundles, receipts."""

import base64
import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clients.verifier.checkpoint import Checkpoint
from clients.verifier.note import VerifierKey
from concord.audit.v1.audit_pb2 import Leaf
from services.audit.domain.signed_note import SigningKey, sign
from services.witness.domain.signing_key import SigningKey as WitnessSigningKey
from tests.support.audit.log_keys import KEY
from tests.support.merkle.naive_proofs import consistency_path, inclusion_path
from tests.support.merkle.naive_tree import naive_root

WITNESS = WitnessSigningKey("witness.example.org", bytes(range(32)))
WITNESS_KEY = VerifierKey.parse(WITNESS.verifier_key)
AT_S = 1_764_500_000
KEPT_AT = "2025-11-30T10:50:00+00:00"


LOG_KEY = VerifierKey.parse(str(KEY.verifier))


def leaf_hash(data: bytes) -> bytes:
    """Return a leaf's hash."""
    return hashlib.sha256(b"\x00" + data).digest()


def hashes(leaves: Iterable[bytes]) -> list[bytes]:
    """Return the hashes of leaves."""
    return [leaf_hash(leaf) for leaf in leaves]


def checkpoint(leaves: Sequence[bytes], key: SigningKey = KEY, *, witnesses: Sequence[WitnessSigningKey] = ()) -> bytes:
    """Return the signed checkpoint of a log of these leaves, with cosignatures."""
    text = f"{key.name}\n{len(leaves)}\n{base64_of(naive_root(hashes(leaves)))}\n"
    return (sign(text, [key]) + "".join(witness.cosign(text, AT_S) for witness in witnesses)).encode()


def parsed(leaves: Sequence[bytes], **options: Any) -> Checkpoint:
    """Return the same, read."""
    return Checkpoint.parse(checkpoint(leaves, **options))


def receipts(leaves: Sequence[bytes]) -> list[dict[str, Any]]:
    """Return what the service was told when it sent the leaves."""
    return [_labels(index, leaf) | {"time": KEPT_AT} for index, leaf in enumerate(leaves)]


def complete(path: Path, leaves: Sequence[bytes], note: bytes | None = None, **extra: bytes) -> Path:
    """Write the bundle of a whole log."""
    lines = [line(index, leaf) for index, leaf in enumerate(leaves)]
    return written(path, {"checkpoint": note or checkpoint(leaves), "leaves.jsonl": b"".join(lines), **extra})


def selection(
    path: Path, leaves: Sequence[bytes], places: Sequence[int], note: bytes | None = None, earlier: int = 0
) -> Path:
    """Write the bundle of some leaves of a log, with what continues its first `earlier` leaves."""
    note = note or checkpoint(leaves)
    members = {"checkpoint": note, "leaves.jsonl": b"".join(line(index, leaves[index]) for index in places)}
    members |= {f"proofs/{index}.tlog-proof": proof(index, leaves, note) for index in places}
    if earlier:
        consistent = consistency_path(earlier, hashes(leaves))
        members["earlier/checkpoint"] = checkpoint(leaves[:earlier])
        members["earlier/consistency"] = "".join(f"{base64_of(each)}\n" for each in consistent).encode()
    return written(path, members)


def proof(index: int, leaves: Sequence[bytes], note: bytes) -> bytes:
    """Return a leaf's tlog-proof."""
    path = [base64_of(each) for each in inclusion_path(index, hashes(leaves))]
    return "\n".join(["c2sp.org/tlog-proof@v1", f"index {index}", *path, "", ""]).encode() + note


def line(index: int, leaf: bytes, /, **labels: Any) -> bytes:
    """Return a leaf's line, with other labels than its own where they are named."""
    return json.dumps(_labels(index, leaf) | {"leaf": base64_of(leaf)} | labels).encode() + b"\n"


def written(path: Path, members: Mapping[str, bytes]) -> Path:
    """Write a zip file."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def _labels(index: int, data: bytes) -> dict[str, Any]:
    leaf = Leaf.FromString(data)
    key = {"source_service": leaf.source_service, "record": leaf.record, "revision": leaf.revision}
    return {"index": index, **key, "leaf_hash": base64_of(leaf_hash(data))}


def base64_of(data: bytes) -> str:
    """Return standard Base64."""
    return base64.b64encode(data).decode()
