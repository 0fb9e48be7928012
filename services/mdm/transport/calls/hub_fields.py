"""The hub's own fields of a message: callers read them, and may not set them."""

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError, FieldViolation


def not_writable(path: str, field: str) -> ConcordError:
    """Return FIELD_NOT_WRITABLE for a path of a record; `field` is where the request names it."""
    return ConcordError(
        reasons.ERROR_REASON_FIELD_NOT_WRITABLE,
        f"{path} is not yours to set",
        metadata={"field": path},
        violations=[FieldViolation(field, f"{path} is set by the hub")],
    )
