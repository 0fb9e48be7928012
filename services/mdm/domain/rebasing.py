"""Rebasing: what a change request wants changed, slot by slot, beside what others changed meanwhile.

A slot is the smallest part that survives on its own (`slot`), so it is the smallest that is rebased: half of one bank
account and half of another would be nobody's word. The value of a sliced slot is a timeline, which is rebased day by
day: who changes July does not stand in the way of who changes August.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from operator import itemgetter

from google.protobuf.message import Message

from services.mdm.domain.effective import ALWAYS, Period, elementary, joined, values_during
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.slot import Slots, assembled, group_of, is_sliced, slots_of, timeline, value_of


@dataclass(frozen=True)
class SlotChange:
    """A slot that is to change from one value to another; None = it says nothing."""

    path: str
    base: Message | None
    wanted: Message | None


class Side(Enum):
    """Which side of a conflict counts."""

    PRESENT = auto()
    WANTED = auto()


class Touch(Enum):
    """What others did, since the base, to the part of a slot that is to change."""

    NONE = auto()
    AGREED = auto()
    """They changed it too, nowhere to anything else than is wanted."""
    CONFLICT = auto()
    """They changed it to something else."""


@dataclass(frozen=True)
class Conflict:
    """The three values of a slot that two sides changed differently; of a sliced one on the contested days only."""

    path: str
    base: Message | None
    present: Message | None
    wanted: Message | None


_Values = Sequence[Message | None]
"""What base, present and wanted say at one moment."""

_Moment = tuple[Period, _Values]


def slot_changes(before: Slots, after: Slots) -> tuple[SlotChange, ...]:
    """Return what differs between two states of the same slots, by path."""
    paths = sorted(before.keys() | after.keys())
    changes = (SlotChange(path, before.get(path), after.get(path)) for path in paths)
    return tuple(change for change in changes if change.base != change.wanted)


def conflicts(record_type: RecordType, changes: Iterable[SlotChange], present: Slots) -> tuple[Conflict, ...]:
    """Return where the record says neither what it said nor what is wanted."""
    found = (_conflict(record_type, change, present.get(change.path)) for change in changes)
    return tuple(conflict for conflict in found if conflict is not None)


def touch(record_type: RecordType, change: SlotChange, present: Message | None) -> Touch:
    """Tell what others did to the part of a slot that is to change."""
    values = [values for _, values in _moments(record_type, change, present)]
    if any(map(_contested, values)):
        return Touch.CONFLICT
    return Touch.AGREED if any(map(_moved, values)) else Touch.NONE


def rebased(
    record_type: RecordType, changes: Iterable[SlotChange], present: Slots, sides: Mapping[str, Side]
) -> tuple[SlotChange, ...]:
    """Return the changes as they are to be made to the record as it stands; those that are made already are left out.

    `sides` has one for the path of every conflict; else KeyError.
    """
    moved = (_rebased(record_type, change, present.get(change.path), sides) for change in changes)
    return tuple(change for change in moved if change.base != change.wanted)


def applied(record_type: RecordType, changes: Iterable[SlotChange], content: Message) -> Message:
    """Return a content in which every change is made: slots say what is wanted, whatever they said before."""
    slots: dict[str, Message | None] = {**slots_of(record_type, content)}
    slots.update({change.path: change.wanted for change in changes})
    return assembled(record_type, {path: value for path, value in slots.items() if value is not None})


def changed_fields(record_type: RecordType, changes: Iterable[SlotChange]) -> tuple[str, ...]:
    """Return the top-level fields in which changes lie, in order. Raises LookupError for a path that is none."""
    found: set[str] = set()
    for change in changes:
        if is_sliced(record_type, change.path):
            found.add(change.path.partition(".")[0])
        elif (group := group_of(record_type, change.path)) is not None:
            found.update(group.fields)
        else:
            raise LookupError(f"{change.path} is no slot of a {record_type.name}")
    return tuple(sorted(found))


def _rebased(
    record_type: RecordType, change: SlotChange, present: Message | None, sides: Mapping[str, Side]
) -> SlotChange:
    def becomes(values: _Values) -> Message | None:
        base, now, wanted = values
        kept = wanted == base or (_contested(values) and sides[change.path] is Side.PRESENT)
        return now if kept else wanted

    moments = _moments(record_type, change, present)
    return SlotChange(change.path, present, _whole(record_type, change.path, moments, becomes))


def _conflict(record_type: RecordType, change: SlotChange, present: Message | None) -> Conflict | None:
    contested = [(period, values) for period, values in _moments(record_type, change, present) if _contested(values)]
    if not contested:
        return None
    three = (_whole(record_type, change.path, contested, itemgetter(place)) for place in range(3))
    return Conflict(change.path, *three)


def _moments(record_type: RecordType, change: SlotChange, present: Message | None) -> list[_Moment]:
    """Return the three values of a slot; of a sliced one in every elementary period."""
    three = (change.base, present, change.wanted)
    if not is_sliced(record_type, change.path):
        return [(ALWAYS, three)]
    lines = [timeline(record_type, value) for value in three]
    periods = elementary(period for line in lines for period, _ in line)
    columns = zip(*(values_during(line, periods) for line in lines), strict=True)
    return list(zip(periods, columns, strict=True))


def _whole(
    record_type: RecordType, path: str, moments: Sequence[_Moment], pick: Callable[[_Values], Message | None]
) -> Message | None:
    """Return a slot's value from what it is to be at each moment."""
    if is_sliced(record_type, path):
        return value_of(record_type, joined((period, pick(values)) for period, values in moments))
    ((_, values),) = moments
    return pick(values)


def _moved(values: _Values) -> bool:
    """Tell whether others changed what is to change."""
    base, present, wanted = values
    return base not in (wanted, present)


def _contested(values: _Values) -> bool:
    """Tell whether others changed it to something else than is wanted."""
    _, present, wanted = values
    return _moved(values) and present != wanted
