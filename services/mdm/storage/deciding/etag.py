"""Etags: opaque marks of a revision, which callers send back with their decisions."""

import hashlib

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError


def etag_of(record: str, revision: int) -> str:
    """Return the opaque etag of a revision."""
    return f'"{hashlib.blake2b(f"{record}@{revision}".encode(), digest_size=9).hexdigest()}"'


def require_etag(record: str, revision: int, etag: str) -> None:
    """Raise ConcordError ETAG_MISMATCH unless `etag` is the one of `revision`; the error tells the present one."""
    present = etag_of(record, revision)
    if etag != present:
        raise ConcordError(
            reasons.ERROR_REASON_ETAG_MISMATCH,
            f"{record} changed since it was read",
            metadata={"name": record, "etag": present},
        )
