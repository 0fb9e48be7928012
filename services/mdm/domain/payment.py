"""Payment: whether a change of a golden record alters a value that money follows, as the contracts declare it."""

from collections.abc import Iterator, Sequence
from typing import Any

from google.protobuf.message import Message

from services.mdm.domain.slot import differing_fields
from services.mesh.contract.governance import payment_critical_paths


def payment_changed(before: Message, after: Message) -> bool:
    """Tell whether two contents of one type differ in a payment-critical value, or in the order of such values."""
    descriptor: Any = before.DESCRIPTOR
    paths = payment_critical_paths(descriptor)
    if not paths:
        return False
    fields = differing_fields(before, after)
    return any(_values(before, path) != _values(after, path) for path in paths if path[0] in fields)


def _values(message: Message, path: Sequence[str]) -> list[Any]:
    """Return the values at a path, one for each element on the way; None where an element has none."""
    return list(_values_below(message, path))


def _values_below(message: Message, path: Sequence[str]) -> Iterator[Any]:
    name, *rest = path
    value: Any = getattr(message, name)
    field = message.DESCRIPTOR.fields_by_name[name]
    if field.is_repeated and rest:
        for element in value:
            yield from _values_below(element, rest)
    elif field.is_repeated:
        yield list(value)
    elif field.has_presence and not message.HasField(name):
        yield None
    elif rest:
        yield from _values_below(value, rest)
    else:
        yield value
