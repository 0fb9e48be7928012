"""From requests to questions the log can answer; what it could not is refused by name."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from concord.audit.v1 import audit_pb2, bundle_pb2, question_pb2
from concord.governance.v1 import error_reason_pb2 as reasons
from services.audit.domain.leaf import LeafKey
from services.audit.domain.question import LeafFilter, LeafPage, Scope, Stretch
from services.audit.transport.rendering import NAME_PREFIX
from services.mesh.call import Call
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.contract.validation import constraint_violated
from services.mesh.errors import ConcordError, FieldViolation

Listing = (
    audit_pb2.ListLeavesRequest
    | question_pb2.ListChangesRequest
    | question_pb2.ListDisclosuresRequest
    | question_pb2.ListDenialsRequest
    | question_pb2.ListQuestionsRequest
)
"""A request for pages of leaves."""

DEFAULT_PAGE = 100
LARGEST_PAGE = 1000

_NAME = re.compile(rf"{NAME_PREFIX}(0|[1-9][0-9]{{0,18}})")
_HIGHEST_INDEX = 2**63 - 1


def scope_of(call: Call) -> Scope:
    """Return the entities whose leaves the caller may see."""
    return None if call.caller.sees_every_entity else call.caller.entities


def leaf_index_of(name: str) -> int:
    """Return the place in the log that a leaf's name tells. Raises ConcordError INVALID_NAME."""
    match = _NAME.fullmatch(name)
    if match is None or int(match[1]) > _HIGHEST_INDEX:
        pattern = f"{NAME_PREFIX}{{leaf_index}}"
        raise ConcordError(
            reasons.ERROR_REASON_INVALID_NAME,
            f"a leaf is named {pattern}",
            metadata={"name": name, "pattern": pattern},
            violations=[FieldViolation("name", f"must be {pattern}")],
        )
    return int(match[1])


def key_of(request: audit_pb2.GetLeafRequest) -> LeafKey:
    """Return the change that a request without a name asks for. Raises ConcordError CONSTRAINT_VIOLATED."""
    told = {"source_service": request.source_service, "record": request.record, "revision": request.revision}
    missing = [FieldViolation(field, "is required where name is empty") for field, value in told.items() if not value]
    if missing:
        raise constraint_violated(missing)
    require_storable(request, "source_service", "record")
    return LeafKey(request.source_service, request.record, request.revision)


def filter_of(request: audit_pb2.ListLeavesRequest | bundle_pb2.ExportBundleRequest) -> LeafFilter:
    """Return what a list or a bundle is restricted to. Raises ConcordError CONSTRAINT_VIOLATED."""
    require_storable(request, "source_service", "record", "actor")
    return LeafFilter(
        source_service=request.source_service,
        record=request.record,
        actor=request.actor,
        start=start_of(request),
        end=end_of(request),
    )


def start_of(request: Listing | bundle_pb2.ExportBundleRequest) -> datetime | None:
    """Return since when what is listed occurred. Raises ConcordError CONSTRAINT_VIOLATED."""
    return _moment(request.start_time, "start_time") if request.HasField("start_time") else None


def end_of(request: Listing | bundle_pb2.ExportBundleRequest) -> datetime | None:
    """Return before when what is listed occurred. Raises ConcordError CONSTRAINT_VIOLATED."""
    return _moment(request.end_time, "end_time") if request.HasField("end_time") else None


def require_storable(request: Message, *fields: str) -> None:
    """Refuse texts that the database cannot even compare. Raises ConcordError CONSTRAINT_VIOLATED."""
    broken = [
        FieldViolation(field, "must not contain the character U+0000")
        for field in fields
        if "\x00" in getattr(request, field)
    ]
    if broken:
        raise constraint_violated(broken)


def page_of(request: audit_pb2.ListGapsRequest) -> tuple[int | None, int]:
    """Return the place in the log that a page begins behind, None for the first, and how much it holds.

    Raises ConcordError INVALID_PAGE_SIZE, INVALID_PAGE_TOKEN.
    """
    keys = PageToken.decode(request.page_token, request)
    return None if keys is None else _place(keys[0]), _limit(request)


def token_behind(place: int | None, request: Message) -> str:
    """Return the token of the page behind a place in the log; empty for None, behind the last page."""
    return "" if place is None else PageToken.encode([str(place)], request)


@dataclass(frozen=True, slots=True)
class LeafPlace:
    """Where a page of leaves begins, where its question's first page ends, and how much a page holds."""

    after: int
    before: int
    limit: int

    @classmethod
    def of(cls, request: Listing) -> Self:
        """Return the place that a request asks for. Raises ConcordError INVALID_PAGE_SIZE, INVALID_PAGE_TOKEN."""
        keys = PageToken.decode(request.page_token, request, keys=2)
        after, before = (-1, _HIGHEST_INDEX) if keys is None else map(_place, keys)
        return cls(after, before, _limit(request))

    def within(self, question: int) -> Stretch:
        """Return the stretch of the log that the page is of, when the question itself has this place in it."""
        return Stretch(self.after, min(self.before, question))


def token_of(page: LeafPage, within: Stretch, request: Message) -> str:
    """Return the token of the next page of a stretch; empty behind the last."""
    if page.next_after is None:
        return ""
    return PageToken.encode([str(page.next_after), str(within.before)], request)


def _limit(request: Listing | audit_pb2.ListGapsRequest) -> int:
    return page_size(request.page_size, default=DEFAULT_PAGE, largest=LARGEST_PAGE)


def _place(key: str) -> int:
    match = _NAME.fullmatch(f"{NAME_PREFIX}{key}")
    if match is None or int(match[1]) > _HIGHEST_INDEX:
        message = "the page token is not one of ours"
        raise ConcordError(
            reasons.ERROR_REASON_INVALID_PAGE_TOKEN, message, violations=[FieldViolation("page_token", message)]
        )
    return int(match[1])


def _moment(timestamp: Timestamp, field: str) -> datetime:
    """Return the first microsecond, the database's unit, that is not before the timestamp."""
    try:
        moment = timestamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise constraint_violated([FieldViolation(field, "must lie in the years 1 to 9999")]) from error
    if timestamp.nanos % 1000 and moment < datetime.max.replace(tzinfo=UTC):
        return moment + timedelta(microseconds=1)
    return moment
