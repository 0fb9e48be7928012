"""Error reasons: each has an example and a code, and every RPC names the reasons of its own."""

import json
import re
from collections.abc import Iterator

from concord.governance.v1 import options_pb2 as governance
from tools.contracts.image import Contracts
from tools.finding import Finding

REASONS = "concord.governance.v1.ErrorReason"
_PREFIX = "ERROR_REASON_"
_HIGHEST_CODE = 16  # google.rpc.Code.UNAUTHENTICATED
_ERRORS = re.compile(r"\bErrors\b[^.:]*:(?P<names>.*)", re.DOTALL)
_REASON_NAME = re.compile(r"\b[A-Z]+(?:_[A-Z]+)+\b")


def undescribed_reasons(contracts: Contracts) -> Iterator[Finding]:
    """Find reasons without a status code, or whose comment has no example of their own ErrorInfo."""
    for value in contracts.values.values():
        if value.parent != REASONS or value.proto.number == 0:
            continue
        code = value.proto.options.Extensions[governance.reason].code
        if not 0 < code <= _HIGHEST_CODE:
            yield Finding(value.path, value.line, "reason-code", f"{value.proto.name} has no status code", value.name)
        problem = _example_problem(value.comment, value.proto.name.removeprefix(_PREFIX))
        if problem:
            yield Finding(value.path, value.line, "reason-example", f"{value.proto.name} {problem}", value.name)


def unnamed_reasons(contracts: Contracts) -> Iterator[Finding]:
    """Find RPCs whose comment has no `Errors:`, or names a reason there that does not exist."""
    known = {value.proto.name.removeprefix(_PREFIX) for value in contracts.values.values() if value.parent == REASONS}
    for method in contracts.methods.values():
        errors = _ERRORS.search(method.comment)
        if errors is None:
            message = f"{method.name} does not say `Errors:` in its comment (`Errors: none of its own.` if so)"
            yield Finding(method.path, method.line, "errors", message, method.name)
            continue
        for name in sorted(set(_REASON_NAME.findall(errors["names"])) - known):
            message = f"{method.name} names the reason {name}, which does not exist"
            yield Finding(method.path, method.line, "errors", message, method.name)


def _example_problem(comment: str, reason: str) -> str:
    _, marker, rest = comment.partition("Example")
    start = rest.find("{")
    if not marker or start < 0:
        return "has no example of its ErrorInfo"
    try:
        example, _ = json.JSONDecoder().raw_decode(rest[start:])
    except json.JSONDecodeError as error:
        return f"has an example that is not JSON: {error}"
    if example.get("reason") != reason or example.get("domain") != "concord":
        return f"has an example of something else: {example}"
    return ""
