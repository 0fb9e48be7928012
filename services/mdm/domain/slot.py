"""The slots of a record: the smallest parts that sources assert and that survive on their own.

A slot's value is a content that says nothing else, so that a record is put together by merging
the values of its slots. Paths of slots:

- `legal_name`, or a group's name such as `packs`;
- `sites[HQ]`, `tax_ids[US/ein]`, `trading_names[Acme]`: an element of a keyed collection;
- `slices.manager`, `slices.parents[management]`: a value of an effective-dated record, with its
  whole timeline.

Within element keys `%`, `/`, `[` and `]` are percent-encoded. Paths hold no RESTRICTED value.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from google.protobuf.message import Message

from services.mdm.domain.effective import (
    ALWAYS,
    Period,
    Piece,
    Timeline,
    canonical_bytes,
    clipped,
    combined,
    in_time,
    period_of,
    set_period,
)
from services.mdm.domain.record_type import ELEMENT_ITSELF, Group, RecordType

_ENCODED = str.maketrans({"%": "%25", "/": "%2F", "[": "%5B", "]": "%5D"})

Slots = dict[str, Message]
"""Values by path, in the order of declaration and key."""


def element_path(group: Group, element: Any) -> str:
    """Return the path of an element of a keyed collection within its message."""
    scalar = group.element_key == ELEMENT_ITSELF
    parts = [str(element)] if scalar else [str(getattr(element, field)) for field in group.element_key]
    return f"{group.name}[{'/'.join(map(_encoded, parts))}]"


def keyed_path(record_type: RecordType, group: Group, value: Message, *, sliced: bool) -> str:
    """Return the path of a slot of a keyed collection from its value."""
    holder: Any = getattr(value, record_type.slice_field or "")[0] if sliced else value
    path = element_path(group, getattr(holder, group.name)[0])
    return f"{record_type.slice_field}.{path}" if sliced else path


def _encoded(part: str) -> str:
    return part if part.isalnum() else part.translate(_ENCODED)


def differing_fields(one: Message, other: Message) -> frozenset[str]:
    """Return the names of the top-level fields in which two messages of one type differ: set or not, or in value."""
    ours, theirs = ({field.name: value for field, value in message.ListFields()} for message in (one, other))
    said_twice = ours.keys() & theirs.keys()
    return frozenset((ours.keys() ^ theirs.keys()) | {name for name in said_twice if ours[name] != theirs[name]})


def slots_of(record_type: RecordType, content: Message, within: Collection[str] | None = None) -> Slots:
    """Return the values of a content by path. Raises ValueError for dates that are none.

    `within` are the top-level fields whose groups are looked at, None = all.
    """
    groups = record_type.groups
    if within is not None:
        wanted = frozenset(within)
        groups = tuple(group for group in groups if not wanted.isdisjoint(group.fields))
    found = _parts(groups, content)
    if record_type.slice_field is not None and (within is None or record_type.slice_field in within):
        found |= {path: _with_slices(record_type, line) for path, line in _timelines(record_type, content).items()}
    return found


def assembled(record_type: RecordType, slots: Mapping[str, Message], *, within: Period = ALWAYS) -> Message:
    """Return the content that the slots' values make together, slices cut to a period."""
    content = record_type.message()
    lines: list[Timeline] = []
    for path in sorted(slots):
        if is_sliced(record_type, path):
            lines.append(timeline(record_type, slots[path]))
        else:
            content.MergeFrom(slots[path])
    if lines:
        whole = combined(lines, lambda _, values: _merged(values))
        content.MergeFrom(_with_slices(record_type, clipped(whole, within)))
    return content


def withdrawing(path: str) -> tuple[str, str, str]:
    """Return the paths whose withdrawal concerns a slot: its own, its collection's, that of all slices."""
    return (path, path.partition("[")[0], path.partition(".")[0])


def is_sliced(record_type: RecordType, path: str) -> bool:
    """Tell whether a slot's value is a timeline."""
    return record_type.slice_field is not None and path.startswith(f"{record_type.slice_field}.")


def timeline(record_type: RecordType, value: Message | None) -> Timeline:
    """Return the timeline of a sliced slot's value; each piece is a slice without its period."""
    pieces = getattr(value, record_type.slice_field or "") if value is not None else ()
    return tuple((period_of(piece), _without_period(piece)) for piece in pieces)


def value_of(record_type: RecordType, line: Timeline) -> Message | None:
    """Return the value of a sliced slot from its timeline; None = there is none at any time."""
    return _with_slices(record_type, line) if line else None


def group_of(record_type: RecordType, path: str) -> Group | None:
    """Return the group that a slot, a keyed collection, or a group's field belongs to; None = no such path."""
    name, bracket, rest = path.partition("[")
    group = record_type.group_by_path.get(name)
    if group is None or (bracket and not (group.keyed and rest.endswith("]"))):
        return None
    return group


def covered(record_type: RecordType, path: str, listed: frozenset[str], value: Message | None) -> bool:
    """Tell whether listed paths cover a slot: itself, its collection, all slices, or its group's set fields."""
    if not listed:
        return False
    if path in listed or path.partition("[")[0] in listed:
        return True
    if is_sliced(record_type, path):
        return record_type.slice_field in listed
    group = group_of(record_type, path)
    fields = [field.name for field, _ in value.ListFields()] if value is not None else group.fields if group else ()
    return bool(fields) and set(fields) <= listed


def _parts(groups: Iterable[Group], holder: Message) -> Slots:
    """Return the values of a message by path, each a message that says nothing else."""
    present = {field.name: value for field, value in holder.ListFields()}
    found: Slots = {}
    for group in groups:
        if present.keys().isdisjoint(group.fields):
            continue
        if group.keyed:
            found |= _elements(group, type(holder), present[group.name])
        else:
            values = {field: present[field] for field in group.fields if field in present}
            found[group.name] = _part(type(holder), values)
    return found


def _part(kind: type[Message], values: Mapping[str, Any]) -> Message:
    """Return a message with nothing but these fields, each of which is set."""
    part = kind()
    for field, value in values.items():
        if isinstance(value, Message):
            getattr(part, field).CopyFrom(value)
        elif isinstance(value, str | bytes | int | float):
            setattr(part, field, value)
        else:
            getattr(part, field).extend(_in_order(value))
    return part


def _in_order(values: Iterable[Any]) -> list[Any]:
    """Sort what has no key: within a group the order of a repeated field says nothing."""
    return sorted(values, key=lambda value: canonical_bytes(value) if isinstance(value, Message) else value)


def _elements(group: Group, kind: type[Message], elements: Iterable[Any]) -> Slots:
    """Return the elements of a keyed collection; of two with one key (`validity` refuses them) the smaller."""
    found: Slots = {}
    for element in elements:
        part = kind()
        getattr(part, group.name).append(element)
        path = element_path(group, element)
        if path not in found or canonical_bytes(part) < canonical_bytes(found[path]):
            found[path] = part
    return dict(sorted(found.items())) if len(found) > 1 else found


def _timelines(record_type: RecordType, content: Message) -> dict[str, Timeline]:
    by_path: dict[str, list[Piece]] = {}
    for piece in getattr(content, record_type.slice_field or ""):
        period = period_of(piece)
        if not period.empty:
            for path, value in _parts(record_type.slice_groups, piece).items():
                by_path.setdefault(f"{record_type.slice_field}.{path}", []).append((period, value))
    return {path: in_time(pieces) for path, pieces in sorted(by_path.items())}


def _merged(values: Iterable[Message | None]) -> Message | None:
    present = [value for value in values if value is not None]
    if not present:
        return None
    whole = type(present[0])()
    for value in present:
        whole.MergeFrom(value)
    return whole


def _with_slices(record_type: RecordType, line: Timeline) -> Message:
    content = record_type.message()
    for period, value in line:
        piece = getattr(content, record_type.slice_field or "").add()
        piece.CopyFrom(value)
        set_period(piece, period)
    return content


def _without_period(piece: Message) -> Message:
    bare = type(piece)()
    bare.CopyFrom(piece)
    bare.ClearField("effective_period")
    return bare
