"""From canonical codes back to a system's own: what a golden record says in the system's words.

The way back of `coding`, by the same maps. A code goes out only where it is certain what it means there: a value with
one that is not is left out as a whole, group by group, and told.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from google.protobuf.message import Message

from concord.mdm.v1 import record_pb2
from services.mdm.domain.codes.code_map import CodeMaps, Spot, coded_in, coded_keys, spots
from services.mdm.domain.effective import Period, period_of
from services.mdm.domain.record_type import METADATA, Group, RecordType
from services.mdm.domain.slot import assembled, group_of, is_sliced, keyed_path, slots_of


class Cause(Enum):
    """What stands in the way of a code."""

    MISSING = "missing"
    """No code of the system leads to it."""
    AMBIGUOUS = "ambiguous"
    """Several codes of the system lead to it and none is preferred, or the one that does means another value here."""
    UNMAPPED = "unmapped"
    """It is not canonical: another system says it, whose map lacks it."""


class Untranslated(NamedTuple):
    """A value that can't be said: the first coded field of it that stands in the way, its code, and why."""

    path: str
    field: str
    code: str
    code_list: str
    cause: Cause


class Mark(NamedTuple):
    """A code of a golden record that is not canonical: in which value and field, when, and which system says it."""

    path: str
    field: str
    code: str
    period: Period
    system: str


class RecordTranslation(NamedTuple):
    """A golden record in a system's codes, and what is left out of it, by path."""

    content: Message
    left_out: tuple[Untranslated, ...] = ()


def marks(explanation: record_pb2.Explanation) -> list[Mark]:
    """Return the codes that are not canonical, by the explanation of a golden record."""
    return [
        Mark(value.path, each.field, each.source_code, period_of(value), value.winner.system)
        for value in explanation.values
        for each in value.winner.codes
        if each.unmapped
    ]


def translated(
    record_type: RecordType, golden: Message, system: str, maps: CodeMaps, marked: Iterable[Mark]
) -> RecordTranslation:
    """Return a golden record in the codes of a system, given the system's maps and the golden record's marks."""
    by_path: dict[str, list[Mark]] = {}
    for mark in marked:
        by_path.setdefault(mark.path, []).append(mark)
    if not maps and not by_path:
        return RecordTranslation(golden)
    values = [
        _translated(record_type, path, value, _Codes(system, maps, by_path.get(path, ())))
        for path, value in slots_of(record_type, golden).items()
    ]
    said, left_out = _apart(values)
    content = type(golden)()
    content.CopyFrom(golden)
    for field, _ in golden.ListFields():
        if field.name not in METADATA:
            content.ClearField(field.name)
    content.MergeFrom(assembled(record_type, said))
    return RecordTranslation(content, tuple(sorted(left_out, key=lambda each: each.path)))


@dataclass(frozen=True)
class _Codes:
    """What the codes of one value are in a system's words."""

    system: str
    maps: CodeMaps
    marks: Sequence[Mark]

    def of(self, spot: Spot) -> str | Cause:
        """Return a code as the system says it, or what stands in the way."""
        saying = {
            mark.system
            for mark in self.marks
            if (mark.field, mark.code) == (spot.coded.path, spot.code) and not mark.period.clip(spot.period).empty
        }
        if saying:
            return spot.code if saying == {self.system} else Cause.UNMAPPED
        if spot.code_list not in self.maps:
            return spot.code
        found = self.maps[spot.code_list].going_out(spot.code)
        if len(found) == 1:
            return found[0]
        return Cause.AMBIGUOUS if found else Cause.MISSING


@dataclass(frozen=True)
class _Value:
    """A value in a system's codes; `path` is in canonical ones, `own_path` in the system's."""

    path: str
    own_path: str
    value: Message
    spots: Sequence[Spot]
    wrong: Untranslated | None = None


def _translated(record_type: RecordType, path: str, value: Message, codes: _Codes) -> _Value:
    """Return a value in a system's codes, or with what stands in the way."""
    group, sliced = group_of(record_type, path), is_sliced(record_type, path)
    found = _spots(record_type, group, value, sliced=sliced)
    if group is None or not found:
        return _Value(path, path, value, found)
    own = type(value)()
    own.CopyFrom(value)
    for spot in _spots(record_type, group, own, sliced=sliced):
        code = codes.of(spot)
        if isinstance(code, Cause):
            return _Value(path, path, value, found, _untranslated(path, spot, code))
        spot.put(code)
    keyed = coded_keys(record_type, group, sliced=sliced)
    own_path = keyed_path(record_type, group, own, sliced=sliced) if keyed else path
    return _Value(path, own_path, own, found)


def _spots(record_type: RecordType, group: Group | None, value: Message, *, sliced: bool) -> list[Spot]:
    fields = coded_in(record_type, group, sliced=sliced) if group else ()
    return [spot for field in fields for spot in spots(field, value)]


def _apart(values: Iterable[_Value]) -> tuple[Mapping[str, Message], list[Untranslated]]:
    """Return the values that can be said, by path, and what can't: of two that lead to one element, what moves."""
    said: dict[str, Message] = {}
    left_out: list[Untranslated] = []
    for each in sorted(values, key=lambda value: (value.path != value.own_path, value.path)):
        if each.wrong is not None:
            left_out.append(each.wrong)
        elif each.own_path in said:
            left_out.append(_untranslated(each.path, each.spots[0], Cause.AMBIGUOUS))
        else:
            said[each.own_path] = each.value
    return said, left_out


def _untranslated(path: str, spot: Spot, cause: Cause) -> Untranslated:
    return Untranslated(path, spot.coded.path, spot.code, spot.code_list, cause)
