"""Who refers to whom, and when: what a record says about others, and when it is there for them to refer to.

A reference that nobody dated holds since it could and as long as it can: an unbounded start asks for nothing, an
unbounded end asks for a record without an end.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from services.mdm.domain.effective import ALWAYS, Period, period_of
from services.mdm.domain.record_type import PARENTS, Group, RecordType, Reference
from services.mdm.domain.referring import qualified
from services.mdm.domain.slot import element_path


@dataclass(frozen=True)
class Span:
    """A reference during a period: where the record says it, and which type's record it names by which key."""

    path: str
    target_type: str
    target_key: str
    period: Period

    @property
    def order(self) -> tuple[str, str, str, date, date]:
        """What spans are sorted by."""
        return (self.path, self.target_type, self.target_key, *self.period.order)


def reference_spans(record_type: RecordType, content: Message) -> tuple[Span, ...]:
    """Return what a golden content refers to, in order, equal neighbours joined; nothing once it is over."""
    if not record_type.references or record_type.is_over(content):
        return ()
    joined: list[Span] = []
    for span in sorted(set(_spans(record_type, content)), key=lambda span: span.order):
        last = joined[-1] if joined else None
        if last and last.period.end == span.period.start and replace(last, period=span.period) == span:
            joined[-1] = replace(span, period=Period(last.period.start, span.period.end))
        else:
            joined.append(span)
    return tuple(joined)


def identity_key(record_type: RecordType, content: Message) -> str:
    """Return the key by which other records refer to this one; empty when it has none."""
    if record_type.identity is None:
        return ""
    return next(iter(qualified(*(getattr(content, field) for field in record_type.identity))), "")


def presence(record_type: RecordType, content: Message) -> Period:
    """Return when there is such a thing as the record describes."""
    return period_of(content, record_type.period_field) if record_type.period_field else ALWAYS


def uncovered(reference: Period, presences: Iterable[Period]) -> tuple[Period, ...]:
    """Return the periods, in order, in which a reference holds and nothing is there to refer to.

    Several records with one key (`presences`) stand in for each other one at a time, not piece by piece.
    """
    missing = (tuple(_uncovered(reference, there)) for there in presences)
    return min(missing, key=lambda parts: [part.order for part in parts], default=(reference,))


def _uncovered(reference: Period, there: Period) -> Iterator[Period]:
    if reference.start is not None and there.start is not None and reference.start < there.start:
        ends = [end for end in (reference.end, there.start) if end is not None]
        yield Period(reference.start, min(ends))
    if there.end is not None and (reference.end is None or there.end < reference.end):
        yield Period(max(there.end, reference.start or there.end), reference.end)


def parents_path(record_type: RecordType, hierarchy: str) -> str:
    """Return the path at which spans to parents in a hierarchy lie."""
    piece: Any = GetMessageClass(record_type.slice_descriptor)()
    element = piece.parents.add(hierarchy=hierarchy)
    return f"{record_type.slice_field}.{element_path(record_type.slice_group_by_field[PARENTS], element)}"


def _spans(record_type: RecordType, content: Message) -> Iterator[Span]:
    within = presence(record_type, content)
    for holder, period, prefix in _holders(record_type, content):
        clipped = period.clip(within)
        if clipped.empty:
            continue
        for reference in record_type.references:
            for path, key in _named(record_type, content, holder, reference):
                yield Span(f"{prefix}{path}", reference.target, key, clipped)


def _holders(record_type: RecordType, content: Message) -> Iterator[tuple[Message, Period, str]]:
    if record_type.slice_field is None:
        yield content, ALWAYS, ""
        return
    for piece in getattr(content, record_type.slice_field):
        yield piece, period_of(piece), f"{record_type.slice_field}."


def _named(record_type: RecordType, content: Message, holder: Any, reference: Reference) -> Iterator[tuple[str, str]]:
    """Give the path and the target's key of each thing that a field refers to."""
    own_scope = getattr(content, record_type.identity[0]) if record_type.identity else ""
    value = getattr(holder, reference.field)
    if not reference.key:
        yield from ((reference.field, key) for key in qualified(own_scope, value))
        return
    for element in value:
        scope = getattr(element, reference.scope or "", "") or own_scope
        for key in qualified(scope, getattr(element, reference.key)):
            yield _path(record_type, reference, element), key


def _path(record_type: RecordType, reference: Reference, element: Any) -> str:
    groups = record_type.slice_groups if record_type.slice_field else record_type.groups
    group = next(group for group in groups if reference.field in group.fields)
    if group.keyed:
        return element_path(group, element)
    key = tuple(part for part in (reference.scope, reference.key) if part)
    return element_path(Group(reference.field, (reference.field,), key), element)
