"""Deciding on masters: one implementation of the stewards' methods over every record type."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from google.protobuf.any_pb2 import Any as PackedMessage
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mdm.domain import stewarding
from services.mdm.domain.record_type import METADATA, RecordType
from services.mdm.domain.slot import group_of, is_sliced
from services.mdm.storage.stewardship.golden_decisions import Stewardship, not_found
from services.mdm.storage.stewardship.merging import Marked, Merging, Ruling
from services.mdm.transport.calls.deciding import RESTRICTED, Deciding, day_of, may_see_restricted
from services.mdm.transport.calls.hub_fields import not_writable
from services.mdm.transport.calls.responses import Responses
from services.mesh.contract import validation
from services.mesh.contract.field_masks import apply_mask, resolve_mask
from services.mesh.contract.governance import restricted_paths
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.server import Call


class MasterDecisions:
    """The stewards' methods of one record type; every method is the handler of an RPC."""

    def __init__(self, record_type: RecordType, stewardship: Stewardship, merging: Merging, deciding: Deciding) -> None:
        self._type = record_type
        self._stewardship = stewardship
        self._merging = merging
        self._deciding = deciding
        self._response = Responses(record_type.service)

    def create(self, request: Any, call: Call) -> Message:
        """Found a record on a steward's word."""
        desired = getattr(request, self._type.singular)
        refuse_metadata(desired, self._type.singular)
        decided = self._stewardship.create(self._type, desired, self._deciding.decision(request, call))
        return self._response(call, **{self._type.singular: decided})

    def update(self, request: Any, call: Call) -> Message:
        """Change a record on a steward's word."""
        said = getattr(request, self._type.singular)
        if not self._type.owns(said.name):
            raise not_found(self._type, said.name)
        paths = writable_paths(self._type, said, request.update_mask, call)

        def merge(present: Message) -> tuple[Message, Sequence[str]]:
            desired = type(present)()
            desired.CopyFrom(present)
            apply_mask(said, desired, paths)
            return desired, sorted({path.partition(".")[0] for path in paths})

        decided = self._stewardship.update(
            self._type, said.name, request.etag, merge, day_of(request), self._deciding.decision(request, call)
        )
        return self._response(call, **{self._type.singular: decided})

    def close(self, request: Any, call: Call) -> Message:
        """End an effective-dated record."""
        day = day_of(request)
        assert day is not None  # noqa: S101 - the contract requires effective_time
        decision = self._deciding.decision(request, call)
        decided = self._stewardship.close(self._type, request.name, request.etag, day, decision)
        return self._response(call, **{self._type.singular: decided})

    def delete(self, request: Any, call: Call) -> Message:
        """Mark a record as deleted."""
        return self._delete(request, call, deleted=True)

    def undelete(self, request: Any, call: Call) -> Message:
        """Bring a deleted record back."""
        return self._delete(request, call, deleted=False)

    def merge(self, request: Any, call: Call) -> Message:
        """Make one record of two."""
        two = (Marked(request.name, request.etag), Marked(request.other_name, request.other_etag))
        ruling = Ruling(request.reason, request.withdraw_decisions)
        merged = self._merging.merge(self._type, *two, ruling, self._deciding.decision(request, call))
        retired = max(request.name, request.other_name)
        return self._response(call, name=merged.name, etag=merged.etag, revision=merged.revision, retired_name=retired)

    def _delete(self, request: Any, call: Call, *, deleted: bool) -> Message:
        decision = self._deciding.decision(request, call)
        decided = self._stewardship.delete(self._type, request.name, request.etag, decision, deleted=deleted)
        return self._response(call, **{self._type.singular: decided})


def writable_paths(record_type: RecordType, said: Message, mask: FieldMask, call: Call) -> tuple[str, ...]:
    """Return the paths of a mask that an update may write; what it does not name explicitly is left out silently.

    Raises UNKNOWN_FIELD, FIELD_NOT_WRITABLE for a named path that callers may not set, PERMISSION_MISSING for a named
    group with RESTRICTED fields that the caller may not even see: they would be overwritten blindly.
    """
    paths = resolve_mask(mask, said)
    writable = stewarding.writable_fields(record_type)
    unseen = () if may_see_restricted(call) else restricted_fields(record_type)
    for path in mask.paths:
        field = path.partition(".")[0]
        if field in METADATA and path != "*":
            raise not_writable(path, "update_mask")
        if field in unseen:
            raise _unseen(field)
    return tuple(path for path in paths if (field := path.partition(".")[0]) in writable and field not in unseen)


def refuse_metadata(desired: Message, said_in: str) -> None:
    """Raise FIELD_NOT_WRITABLE for a new record that says what the hub sets, other than its entities.

    `said_in` is the request's field that holds the record.
    """
    for field, _ in desired.ListFields():
        if field.name in METADATA and field.name != "entities":
            raise not_writable(field.name, f"{said_in}.{field.name}")


def require_clearance(record_type: RecordType, path: str, call: Call) -> None:
    """Raise PERMISSION_MISSING for a decision on a slot that holds RESTRICTED fields which the caller may not see."""
    group = group_of(record_type, path)
    if group is None or may_see_restricted(call):
        return
    fields = {path.partition(".")[0]} if is_sliced(record_type, path) else set(group.fields)
    for field in sorted(fields & restricted_fields(record_type)):
        raise _unseen(field)


def unpacked_content(record_type: RecordType, said: PackedMessage) -> Message:
    """Return what a request holds as `content`. Raises MALFORMED_MESSAGE, CONSTRAINT_VIOLATED."""
    try:
        content = record_type.unpack(said)
    except ValueError as error:
        raise ConcordError(
            reasons.ERROR_REASON_MALFORMED_MESSAGE,
            "the content is not a message of the record's type",
            metadata={"type": record_type.descriptor.full_name},
            violations=[FieldViolation("content", f"is no {record_type.descriptor.full_name}")],
        ) from error
    found = validation.violations(content)
    if found:
        raise validation.constraint_violated([replace(each, field=f"content.{each.field}") for each in found])
    return content


@functools.cache
def restricted_fields(record_type: RecordType) -> frozenset[str]:
    """Return the top-level fields of a type that are RESTRICTED or hold RESTRICTED fields."""
    return frozenset(path[0] for path in restricted_paths(record_type.descriptor))


def _unseen(field: str) -> ConcordError:
    return ConcordError(
        reasons.ERROR_REASON_PERMISSION_MISSING,
        f"{field} holds fields that you may not see",
        metadata={"permission": RESTRICTED, "field": field},
    )
