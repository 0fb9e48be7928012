"""What the hub put where: how its own words are told from a system's, coming back and going out.

Values are never kept, only tokens of them. Of each path that was written to a document two are: of the value that the
hub wanted and of the value that the document showed afterwards, for systems trim, pad and spell in their own way.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from services.adapter.systems.connector import Expression, Value

Matches: TypeAlias = Callable[[str, str, Value], bool]
"""Tells whether a token (first) is that of a path's (second) value (third)."""


@dataclass(frozen=True)
class Delivered:
    """The last value that was written to a path of a document, on the word of this golden revision."""

    wanted: str
    shown: str
    golden_record: str
    golden_revision: int


def canonical(value: Value) -> bytes:
    """Return the bytes that stand for a value: equal for equal values; empty text and collections say nothing."""
    said = value if isinstance(value, int) else value or None
    return json.dumps(said, sort_keys=True, default=_plain).encode()


def echoed(delivered: Mapping[str, Delivered], shown: Mapping[str, Value], matches: Matches) -> tuple[str, ...]:
    """Name the paths of a document that still show what was delivered, in order.

    What was delivered to any other path was changed by the system since: it is the system's own word from then on, even
    if it becomes the delivered value again.
    """
    return tuple(sorted(path for path, last in delivered.items() if matches(last.shown, path, shown.get(path))))


def outstanding(
    desired: Expression,
    shown: Mapping[str, Value],
    delivered: Mapping[str, Delivered],
    matches: Matches,
    masked_fields: Collection[str] = (),
) -> dict[str, Value]:
    """Return what has to be written, by path, for a document that shows `shown` to say what is `desired`.

    A path that the golden record says nothing about is left as it is, unless it still shows what the hub delivered
    there: the hub takes its own word back (None). It never does for `masked_fields`, whose silence may only mean that
    the adapter may not see them, or that they can't be said in the system's codes.
    """
    wanted: dict[str, Value] = {
        path: value
        for path, value in desired.values.items()
        if canonical(value) != canonical(shown.get(path)) and not _settled(path, value, shown, delivered, matches)
    }
    taken_back: dict[str, Value] = {
        path: None
        for path, last in delivered.items()
        if path not in desired.values
        and path not in desired.inexpressible
        and field_of(path) not in masked_fields
        and canonical(shown.get(path)) != canonical(None)
        and matches(last.shown, path, shown.get(path))
    }
    return wanted | taken_back


def field_of(path: str) -> str:
    """Return the field that a path begins with: `sites` for `sites[HQ]`."""
    return path.partition("[")[0].partition(".")[0]


def _settled(
    path: str, wanted: Value, shown: Mapping[str, Value], delivered: Mapping[str, Delivered], matches: Matches
) -> bool:
    last = delivered.get(path)
    return last is not None and matches(last.wanted, path, wanted) and matches(last.shown, path, shown.get(path))


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Collection):
        return list(value)
    raise TypeError(f"a connector's value must be plain JSON, not {type(value).__name__}")
