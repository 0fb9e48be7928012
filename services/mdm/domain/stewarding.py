"""What the hub's own source record must say so that a steward's decision comes true.

The hub is a source like any other, only trusted most: what a steward decides becomes an assertion
or a withdrawal of the hub, slot by slot, and only where the golden record says something else.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from functools import cache
from typing import NamedTuple

from google.protobuf.message import Message

from concord.mdm.v1 import ingest_pb2 as pb
from services.mdm.domain.effective import Period, Timeline, clipped, combined, joined, period_of, set_period
from services.mdm.domain.record_type import METADATA, RecordType
from services.mdm.domain.slot import Slots, assembled, is_sliced, slots_of, timeline, value_of, withdrawing

HUB = "systems/hub"
"""The system whose source records are the stewards' word; their key is the name of the golden record they are about."""


class Word(NamedTuple):
    """What the hub says from now on, and the paths that this decision is about: there it is said anew."""

    content: Message
    withdrawn: list[str]
    decided: frozenset[str]


@cache
def writable_fields(record_type: RecordType) -> tuple[str, ...]:
    """Return the message's fields that a steward may write, in the contract's order."""
    return tuple(field.name for field in record_type.descriptor.fields if field.name not in METADATA)


def assert_fields(  # noqa: PLR0913 - a decision is made of all of these
    record_type: RecordType,
    hub: pb.SourceRecord | None,
    golden: Message,
    desired: Message,
    paths: Sequence[str],
    day: date | None,
) -> Word:
    """Return the hub's next word, which makes fields of the golden record as desired.

    `paths` are top-level fields (ValueError for others). Of a group of which only some fields are
    named, the others stay as the golden record has them. For an effective-dated type with a `day`,
    changed values hold from that day on, whatever comes later: with one desired slice its values
    (its own period does not count), with several what they say from that day on. Without a day the
    slices replace the timeline. To say that there is nothing from some day on, the hub has to say
    what there is on all other days too. What the hub asserted earlier stays.
    """
    decision = _Decision(record_type, hub)
    before, after = desired_slots(record_type, golden, desired, paths, day)
    for path in sorted(before.keys() | after.keys()):
        decision.make(path, before.get(path), after.get(path))
    return decision.said()


def desired_slots(
    record_type: RecordType, golden: Message, desired: Message, paths: Sequence[str], day: date | None
) -> tuple[Slots, Slots]:
    """Return the slots of the top-level fields `paths` as they are, and as desired; see `assert_fields`."""
    if wrong := sorted(set(paths) - set(writable_fields(record_type))):
        raise ValueError(f"a steward can't write {', '.join(wrong)}")
    wanted = record_type.message()
    wanted.CopyFrom(golden)
    for field in paths:
        _replace(wanted, desired, field)
    before, after = slots_of(record_type, golden, paths), slots_of(record_type, wanted, paths)
    if day is not None and record_type.slice_field in paths:
        unsliced = {path: value for path, value in after.items() if not is_sliced(record_type, path)}
        after = unsliced | _from_day(record_type, before, wanted, day)
    return before, after


def close(record_type: RecordType, hub: pb.SourceRecord | None, golden: Message, day: date) -> Word:
    """Return the hub's next word, which ends the record on a day: the first on which it is not in effect.

    Whether the record ends earlier already, or begins later, is for the caller to check. Raises
    ValueError for types without an effective period.
    """
    field = record_type.period_field
    if field is None:
        raise ValueError(f"a {record_type.name} is not effective-dated")
    desired = record_type.message()
    desired.CopyFrom(golden)
    set_period(desired, Period(period_of(golden, field).start, day), field)
    return assert_fields(record_type, hub, golden, desired, (field,), None)


class _Decision:
    """The hub's word while a decision is worked into it."""

    def __init__(self, record_type: RecordType, hub: pb.SourceRecord | None) -> None:
        self._record_type = record_type
        self._content: Slots = slots_of(record_type, record_type.unpack(hub.content)) if hub is not None else {}
        self._withdrawn = set(hub.withdrawn_paths) if hub is not None else set()
        self._decided: set[str] = set()

    def make(self, path: str, before: Message | None, after: Message | None) -> None:
        """Let a slot of the golden record become `after`."""
        if before == after:
            return
        self._decided.add(path)
        if is_sliced(self._record_type, path):
            self._make_sliced(path, timeline(self._record_type, before), timeline(self._record_type, after))
        elif after is None:
            self._content.pop(path, None)
            self._withdrawn.add(path)
        else:
            self._content[path] = after
            self._withdrawn.discard(path)

    def said(self) -> Word:
        """Return what the hub says then."""
        content = assembled(self._record_type, self._content)
        return Word(content, sorted(self._withdrawn), frozenset(self._decided))

    def _make_sliced(self, path: str, before: Timeline, after: Timeline) -> None:
        if combined([before, after], lambda _, values: values[0] if values[1] is None else None):
            self._withdrawn.add(path)
        silence_counts = not self._withdrawn.isdisjoint(withdrawing(path))

        def word(_: Period, values: Sequence[Message | None]) -> Message | None:
            was, becomes, ours = values
            if was is None and becomes is None:
                return ours
            return becomes if silence_counts or was != becomes else ours

        line = combined([before, after, timeline(self._record_type, self._content.pop(path, None))], word)
        if (value := value_of(self._record_type, line)) is not None:
            self._content[path] = value


def _replace(message: Message, other: Message, field: str) -> None:
    message.ClearField(field)
    part = type(message)()
    part.CopyFrom(other)
    for name in {set_field.name for set_field, _ in part.ListFields()} - {field}:
        part.ClearField(name)
    message.MergeFrom(part)


def _from_day(record_type: RecordType, before: Slots, wanted: Message, day: date) -> Slots:
    """Return the sliced slots as they were before a day and as wanted from it on."""
    after = slots_of(record_type, _without_period(record_type, wanted))
    sliced = {path for path in before.keys() | after.keys() if is_sliced(record_type, path)}
    lines = {path: timeline(record_type, before.get(path)) for path in sliced}
    single = len(getattr(wanted, record_type.slice_field or "")) <= 1
    for path, line in lines.items():
        coming = clipped(timeline(record_type, after.get(path)), Period(day, None))
        if not (single and _on(line, day) == _on(coming, day)):
            lines[path] = joined((*clipped(line, Period(None, day)), *coming))
    values = {path: value_of(record_type, line) for path, line in lines.items()}
    return {path: value for path, value in values.items() if value is not None}


def _without_period(record_type: RecordType, wanted: Message) -> Message:
    """Let the only desired slice count always."""
    result = record_type.message()
    result.CopyFrom(wanted)
    slices = getattr(result, record_type.slice_field or "")
    if len(slices) == 1:
        slices[0].ClearField("effective_period")
    return result


def _on(line: Iterable[tuple[Period, Message]], day: date) -> Message | None:
    return next((value for period, value in line if period.contains(day)), None)
