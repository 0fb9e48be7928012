"""The shapes that the API rules demand of RPCs and their messages.

Names, unique request and response messages, enum zero values, package paths and comments are `buf lint`'s matter.
"""

import re
from collections.abc import Iterator

from google.protobuf import descriptor_pb2 as pb

from concord.governance.v1 import options_pb2 as governance
from tools.contracts.image import Contracts, Element
from tools.finding import Finding

Method = Element[pb.MethodDescriptorProto]

_WORD = re.compile(r"[A-Z][a-z0-9]*")
_EMPTY_VERBS = {"Do", "Handle", "Make", "Manage", "Perform", "Process"}
_ETAG_VERBS = {"Update", "Delete", "Merge", "Unmerge"}
_CHANGING = {governance.IDEMPOTENCY_BY_REQUEST_ID, governance.IDEMPOTENCY_UNSPECIFIED}


def misnamed_methods(contracts: Contracts) -> Iterator[Finding]:
    """Find RPCs that are not named verb + noun."""
    for method in contracts.methods.values():
        words = _WORD.findall(method.proto.name)
        if len(words) == 1:
            yield _finding(method, "verb-and-noun", "is not named verb + noun")
        elif words and words[0] in _EMPTY_VERBS:
            yield _finding(method, "verb-and-noun", f"begins with {words[0]!r}, which says nothing")


def unsafe_mutations(contracts: Contracts) -> Iterator[Finding]:
    """Find mutations whose request lacks `request_id` or `validate_only`; those idempotent BY_CONTENT need neither."""
    for method in contracts.methods.values():
        policy = method.proto.options.Extensions[governance.method]
        changes = policy.audit in {governance.AUDIT_CATEGORY_MUTATION, governance.AUDIT_CATEGORY_ADMINISTRATION}
        by_request_id = policy.idempotency == governance.IDEMPOTENCY_BY_REQUEST_ID
        if not by_request_id and not (changes and policy.idempotency in _CHANGING):
            continue
        yield from _missing(contracts, method, "request_id", pb.FieldDescriptorProto.TYPE_STRING)
        yield from _missing(contracts, method, "validate_only", pb.FieldDescriptorProto.TYPE_BOOL)


def unguarded_changes(contracts: Contracts) -> Iterator[Finding]:
    """Find Update, Delete, Merge and Unmerge without `etag`, in the request or the record that it carries."""
    for method in contracts.methods.values():
        verb = next(iter(_WORD.findall(method.proto.name)), "")
        if verb not in _ETAG_VERBS:
            continue
        fields = contracts.fields_of(method.proto.input_type)
        in_record = any("etag" in contracts.fields_of(field.proto.type_name) for field in fields.values())
        if "etag" not in fields and not in_record:
            yield _finding(method, "etag", "changes a record without an etag in its request")
        if verb == "Update" and "update_mask" not in fields:
            yield _finding(method, "update-mask", "has no update_mask in its request")


def unpaged_lists(contracts: Contracts) -> Iterator[Finding]:
    """Find lists, and whatever else takes a page size, without the three paging fields."""
    for method in contracts.methods.values():
        request, response = (contracts.fields_of(name) for name in (method.proto.input_type, method.proto.output_type))
        if not method.proto.name.startswith("List") and "page_size" not in request:
            continue
        for name in ("page_size", "page_token"):
            if name not in request:
                yield _finding(method, "paging", f"has no {name} in its request")
        if "next_page_token" not in response:
            yield _finding(method, "paging", "has no next_page_token in its response")


def _missing(contracts: Contracts, method: Method, name: str, kind: int) -> Iterator[Finding]:
    field = contracts.fields_of(method.proto.input_type).get(name)
    if field is None:
        yield _finding(method, "mutation", f"changes something but has no {name} in its request")
    elif field.proto.type != kind:
        expected = pb.FieldDescriptorProto.Type.Name(field.proto.type).removeprefix("TYPE_").lower()
        yield _finding(method, "mutation", f"has a {name} of type {expected} in its request")


def _finding(method: Method, rule: str, problem: str) -> Finding:
    return Finding(method.path, method.line, rule, f"{method.name} {problem}", method.name)
