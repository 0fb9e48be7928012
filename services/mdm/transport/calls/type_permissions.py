"""The permissions of a record type's own service: what generic services do with its records takes them, too."""

import functools

from google.protobuf import descriptor_pool

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mdm.domain import registry as record_types
from services.mdm.domain.record_type import RecordType
from services.mesh.contract.governance import method_policy
from services.mesh.errors import ConcordError
from services.mesh.server import Call


def require_permission(record_type: RecordType, verb: str, call: Call) -> None:
    """Raise PERMISSION_MISSING unless the caller has the permission of a method, such as Get, of the type's service."""
    permission = _permission(record_type, verb)
    if permission not in call.caller.permissions:
        raise ConcordError(
            reasons.ERROR_REASON_PERMISSION_MISSING,
            f"it is about {record_type.plural}",
            metadata={"permission": permission},
        )


def readable(call: Call) -> list[RecordType]:
    """Return the types whose records the caller may read."""
    return [each for each in record_types.RECORD_TYPES if _permission(each, "Get") in call.caller.permissions]


@functools.cache
def _permission(record_type: RecordType, verb: str) -> str:
    service = descriptor_pool.Default().FindServiceByName(record_type.service)
    policy = method_policy(service.methods_by_name[f"{verb}{record_type.descriptor.name}"])
    assert policy is not None  # noqa: S101 - the server serves no method without one
    return policy.permission
