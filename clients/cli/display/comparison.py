"""Two revisions of a record side by side: which values differ, by path."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.any_pb2 import Any as PackedAny
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from clients.cli.display import values

# These differ with every revision and say nothing of the record.
BOOKKEEPING = frozenset({"etag", "revision", "update_time"})


@dataclass(frozen=True)
class Difference:
    """A path such as `sites[HQ].address` and its values, empty where there is none."""

    path: str
    before: str
    after: str


def compare(before: Message, after: Message) -> list[Difference]:
    """Return where two messages of one type differ, in the contract's order, bookkeeping aside."""
    return list(_fields(before, after, "", BOOKKEEPING))


def _fields(
    before: Message, after: Message, prefix: str, without: frozenset[str] = frozenset()
) -> Iterator[Difference]:
    descriptor: Any = before.DESCRIPTOR
    for field in descriptor.fields:
        if field.name in without:
            continue
        path = f"{prefix}{field.name}"
        if field.message_type is None or values.is_map(field) or values.has_short_form(field.message_type):
            yield from _different(path, _text(before, field), _text(after, field))
        elif field.is_repeated:
            yield from _elements(getattr(before, field.name), getattr(after, field.name), path)
        else:
            yield from _messages(_present(before, field), _present(after, field), path)


def _messages(before: Message | None, after: Message | None, path: str) -> Iterator[Difference]:
    if isinstance(before, PackedAny):
        before = values.unpacked(before) or before
    if isinstance(after, PackedAny):
        after = values.unpacked(after) or after
    if before is None or after is None or before.DESCRIPTOR is not after.DESCRIPTOR:
        yield from _different(path, _whole(before), _whole(after))
    elif isinstance(before, PackedAny):
        yield from _different(path, str(before), str(after))
    else:
        yield from _fields(before, after, f"{path}.")


def _elements(before: Sequence[Message], after: Sequence[Message], path: str) -> Iterator[Difference]:
    """Compare lists of parts; parts that a field tells apart are laid beside their own kind, the others by place."""
    key = _telling(before, after)
    old, new = _by_key(before, key), _by_key(after, key)
    for name in dict.fromkeys((*old, *new)):
        yield from _messages(old.get(name), new.get(name), f"{path}[{name}]")
    if key and [name for name in old if name in new] != [name for name in new if name in old]:
        yield Difference(path, f"order: {', '.join(old)}", f"order: {', '.join(new)}")


def _telling(before: Sequence[Message], after: Sequence[Message]) -> FieldDescriptor | None:
    """Return the first field that is one line, is there in every part and different in each; None without one."""
    some = next(iter((*before, *after)), None)
    if some is None:
        return None
    descriptor: Any = some.DESCRIPTOR
    fields: Sequence[FieldDescriptor] = descriptor.fields
    for field in fields:
        if field.is_repeated or not _is_one_line(field):
            continue
        if all(_tells_apart(parts, field) for parts in (before, after)):
            return field
    return None


def _is_one_line(field: FieldDescriptor) -> bool:
    nested: Any = field.message_type
    return nested is None or values.has_short_form(nested)


def _tells_apart(parts: Sequence[Message], field: FieldDescriptor) -> bool:
    texts = [_text(part, field) for part in parts]
    return all(texts) and len(set(texts)) == len(texts)


def _by_key(parts: Sequence[Message], key: FieldDescriptor | None) -> Mapping[str, Message]:
    return {_text(part, key) if key else str(number): part for number, part in enumerate(parts, 1)}


def _different(path: str, before: str, after: str) -> Iterator[Difference]:
    if before != after:
        yield Difference(path, before, after)


def _text(message: Message, field: FieldDescriptor) -> str:
    value: Any = getattr(message, field.name)
    if field.is_repeated:
        return (
            ", ".join(values.text(field, one) for one in value)
            if not values.is_map(field)
            else str(sorted(value.items()))
        )
    if field.has_presence:
        return values.text(field, value) if message.HasField(field.name) else ""
    return values.text(field, value) if value else ""


def _present(message: Message, field: FieldDescriptor) -> Message | None:
    found: Message = getattr(message, field.name)
    return found if message.HasField(field.name) else None


def _whole(message: Message | None) -> str:
    return "" if message is None else values.message_text(message) or "(empty)"
