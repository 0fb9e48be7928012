"""Golden records, as the feed packs them."""

from typing import Any

from google.protobuf.any_pb2 import Any as PackedAny
from google.protobuf.message import DecodeError, Message

from concord.governance.v1 import error_reason_pb2 as reasons
from services.adapter.hub.masters import contracts
from services.mesh.contract.governance import restricted_paths
from services.mesh.errors import ConcordError

_TYPES = {contract.message.DESCRIPTOR.full_name: contract for contract in contracts().values()}
_ACTIVE = "STATE_ACTIVE"


def open_golden(packed: PackedAny) -> Message:
    """Return the record in `packed`. Raises ConcordError UNKNOWN_RECORD_TYPE, MALFORMED_MESSAGE."""
    if packed.TypeName() not in _TYPES:
        raise ConcordError(reasons.ERROR_REASON_UNKNOWN_RECORD_TYPE, f"no adapter knows {packed.TypeName()}")
    message = _TYPES[packed.TypeName()].message()
    try:
        message.ParseFromString(packed.value)
    except DecodeError as error:
        raise ConcordError(reasons.ERROR_REASON_MALFORMED_MESSAGE, "a golden record can't be decoded") from error
    return message


def record_type_of(record: Message) -> str:
    """Return the record type of a golden record, such as `cost_center`."""
    return _TYPES[record.DESCRIPTOR.full_name].record_type


def identity(record: Message) -> tuple[str, int]:
    """Return a golden record's name and revision."""
    golden: Any = record
    return golden.name, golden.revision


def is_in_use(record: Message) -> bool:
    """Tell whether a golden record is neither deleted nor merged away."""
    golden: Any = record
    return bool(golden.state == golden.State.Value(_ACTIVE))


def masked_fields(record: Message) -> frozenset[str]:
    """Return the fields whose values the adapter may not be allowed to see: their silence says nothing."""
    descriptor: Any = record.DESCRIPTOR
    return frozenset(path[0] for path in restricted_paths(descriptor))
