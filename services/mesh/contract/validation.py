"""The constraints that contracts state, checked with protovalidate."""

import json

from google.protobuf.message import Message
from protovalidate import FieldPathPb as FieldPath
from protovalidate import Validator
from protovalidate import Violation as BrokenRule

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError, FieldViolation

_validator = Validator()


def violations(message: Message) -> list[FieldViolation]:
    """Return every constraint that a message breaks, as path, rule in words and rule id; values are not repeated."""
    return [_violation(broken) for broken in _validator.collect_violations(message)]


def require_valid(message: Message) -> None:
    """Raise ConcordError CONSTRAINT_VIOLATED when a message breaks its contract."""
    broken = _validator.collect_violations(message)
    if broken:
        found = [_violation(one) for one in broken]
        raise constraint_violated(found)


def constraint_violated(found: list[FieldViolation]) -> ConcordError:
    """Return the error for broken constraints."""
    message = f"the request breaks {len(found)} of its contract's constraints, first at {found[0].field or 'its root'}"
    metadata = {"violations": str(len(found))}
    return ConcordError(reasons.ERROR_REASON_CONSTRAINT_VIOLATED, message, metadata=metadata, violations=found)


def _violation(broken: BrokenRule) -> FieldViolation:
    rule = broken.proto
    return FieldViolation(_path(rule.field), rule.message or "", rule.rule_id or "")


def _path(path: FieldPath | None) -> str:
    """Render a path as AIP-193 does: `sites[1].address`, `labels["a"]`."""
    steps = []
    for element in path.elements if path is not None else ():
        subscript = element.subscript
        at = "" if subscript is None else f"[{json.dumps(subscript.value, ensure_ascii=False)}]"
        steps.append(f"{element.field_name}{at}")
    return ".".join(steps)
