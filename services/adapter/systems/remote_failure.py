"""What the failures of connected systems are called in the API."""

from datetime import timedelta

from concord.governance.v1 import error_reason_pb2 as reasons
from services.adapter.systems.remote_error import RemoteError, RemoteErrorKind
from services.mesh.errors import ConcordError


def typed(error: RemoteError, system: str) -> ConcordError:
    """Return the failure without the system's own words, which may quote a value."""
    retry_after = timedelta(seconds=error.retry_after_s) if error.retry_after_s else None
    metadata = {"system": system, "kind": error.kind.value}
    if error.kind in {RemoteErrorKind.PERMANENT, RemoteErrorKind.AUTHENTICATION}:
        refused = "the system refuses it" if error.kind is RemoteErrorKind.PERMANENT else "the system refuses us"
        return ConcordError(reasons.ERROR_REASON_EXTERNAL_REFUSED, refused, metadata=metadata)
    message = "the system does not answer"
    return ConcordError(reasons.ERROR_REASON_EXTERNAL_UNAVAILABLE, message, metadata=metadata, retry_after=retry_after)
