"""What a source asserts, and since when: the standing assertions of a source record.

A value that a system keeps saying stands since it was said first. A value that the hub delivered
and the system's document now shows is an echo: no word of the system's own, so that its earlier
word stands, or none if there was none.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from google.protobuf.message import Message

from concord.mdm.v1 import ingest_pb2 as pb
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.slot import Slots, assembled, covered, group_of, is_sliced, slots_of, withdrawing


class Standing(NamedTuple):
    """One standing assertion with its value; `value` None = withdrawn, and for slices both are possible."""

    assertion: pb.StandingAssertion
    value: Message | None


class Restated(NamedTuple):
    """The next revision of a source record, with its standing assertions by path, as `standing` gives them."""

    statement: pb.SourceRecord
    standing: dict[str, Standing]


def paths(record_type: RecordType, content: Message) -> dict[str, Message]:
    """Return what a content asserts by path; each value is a content that says nothing else.

    How paths are written is said in `slot`. Raises ValueError for dates that are none (`validity`
    reports them).
    """
    return slots_of(record_type, content)


def unknown_paths(record_type: RecordType, listed: Iterable[str]) -> list[str]:
    """Return those of the listed paths (withdrawn or echoed) that the type does not have."""
    return [path for path in listed if path != record_type.slice_field and group_of(record_type, path) is None]


def fields_said(record_type: RecordType, submitted: pb.SourceRecord) -> tuple[str, ...]:
    """Return the message fields that a submission says something about, withdrawals included."""
    said = {field.name for field, _ in record_type.unpack(submitted.content).ListFields()}
    for path in submitted.withdrawn_paths:
        group = group_of(record_type, path)
        if record_type.slice_field is not None and path.partition(".")[0] == record_type.slice_field:
            said.add(record_type.slice_field)
        elif group is not None:
            said |= {path} if path in group.fields else set(group.fields)
    return tuple(field.name for field in record_type.descriptor.fields if field.name in said)


def standing(record_type: RecordType, source: pb.SourceRecord) -> dict[str, Standing]:
    """Return the standing assertions of a stored source record by path."""
    content = source.standing_content if source.HasField("standing_content") else source.content
    values = slots_of(record_type, record_type.unpack(content))
    return {assertion.path: Standing(assertion, values.get(assertion.path)) for assertion in source.standing_assertions}


def restate(
    record_type: RecordType,
    previous: pb.SourceRecord | None,
    submitted: pb.SourceRecord,
    anew: frozenset[str] = frozenset(),
) -> Restated | None:
    """Return the next revision of a source record; None = the submission says nothing new.

    Sets `revision`, `standing_assertions` and, where it differs from the content,
    `standing_content`; the caller sets name, link and time. A changed source time alone is nothing
    new, nor are paths that are listed as echoes in another way with the same effect.

    Per path: an echo leaves the earlier word as it stands. A value that the system said before
    keeps its time and revision, unless the document showed another one (an echo) in between, or
    the path is one of `anew`: a steward decided for it again, against somebody who said otherwise since.
    Anything else is the system's word as of the submission. Content beats a withdrawal of the same
    path; for slices such a withdrawal means: where the content is silent, there is nothing.
    """
    content = slots_of(record_type, record_type.unpack(submitted.content))
    said = _Restatement(record_type, previous, submitted, content, anew).standing()
    result = pb.SourceRecord()
    result.CopyFrom(submitted)
    result.revision = previous.revision + 1 if previous is not None else 1
    _write(record_type, result, said, content)
    return None if previous is not None and _same(record_type, previous, result, content) else Restated(result, said)


class _Restatement:
    """One submission against the revision before it."""

    def __init__(
        self,
        record_type: RecordType,
        previous: pb.SourceRecord | None,
        submitted: pb.SourceRecord,
        content: Slots,
        anew: frozenset[str],
    ) -> None:
        self._record_type = record_type
        self._said_at = submitted.source_time
        self._content = content
        self._revision = previous.revision + 1 if previous is not None else 1
        self._earlier = standing(record_type, previous) if previous is not None else {}
        self._shown = slots_of(record_type, record_type.unpack(previous.content)) if previous is not None else {}
        self._withdrawn = frozenset(_canonical_withdrawals(record_type, submitted))
        self._echoed = frozenset(submitted.echo.paths)
        self._anew = anew

    def standing(self) -> dict[str, Standing]:
        candidates = sorted(self._content.keys() | self._withdrawn | self._earlier.keys())
        judged = {path: self._judge(path) for path in candidates}
        return {path: verdict for path, verdict in judged.items() if verdict is not None}

    def _judge(self, path: str) -> Standing | None:
        value, earlier = self._content.get(path), self._earlier.get(path)
        if self._echoed and covered(self._record_type, path, self._echoed, value):
            return _marked(earlier, echoed=True) if earlier is not None else None
        if value is None and path not in self._withdrawn:
            return None
        withdrawn = value is None or self._silence_counts(path)
        if earlier is not None and self._unchanged(path, earlier, value, withdrawn=withdrawn):
            return _marked(earlier, echoed=False)
        return Standing(
            pb.StandingAssertion(
                path=path, source_time=self._said_at, source_revision=self._revision, withdrawn=withdrawn
            ),
            value,
        )

    def _silence_counts(self, path: str) -> bool:
        return (
            bool(self._withdrawn)
            and is_sliced(self._record_type, path)
            and not self._withdrawn.isdisjoint(withdrawing(path))
        )

    def _unchanged(self, path: str, earlier: Standing, value: Message | None, *, withdrawn: bool) -> bool:
        said_before = earlier.value == value and earlier.assertion.withdrawn == withdrawn and path not in self._anew
        return said_before and (not earlier.assertion.echoed or self._shown.get(path) == value)


def _marked(earlier: Standing, *, echoed: bool) -> Standing:
    assertion = pb.StandingAssertion()
    assertion.CopyFrom(earlier.assertion)
    assertion.echoed = echoed
    return Standing(assertion, earlier.value)


def _canonical_withdrawals(record_type: RecordType, source: pb.SourceRecord) -> Iterable[str]:
    """Give the paths of withdrawn slots; a field stands for its group only together with all the others."""
    listed = frozenset(source.withdrawn_paths)
    for path in listed:
        group = group_of(record_type, path)
        if group is None or group.keyed or is_sliced(record_type, path):
            yield path
        elif covered(record_type, group.name, listed, None):
            yield group.name


def _write(record_type: RecordType, result: pb.SourceRecord, restated: Mapping[str, Standing], content: Slots) -> None:
    del result.standing_assertions[:]
    result.standing_assertions.extend(one.assertion for one in restated.values())
    result.ClearField("standing_content")
    values = {path: one.value for path, one in restated.items() if one.value is not None}
    if values != content:
        result.standing_content.CopyFrom(record_type.pack(assembled(record_type, values)))


def _same(record_type: RecordType, previous: pb.SourceRecord, result: pb.SourceRecord, content: Slots) -> bool:
    return (
        list(previous.standing_assertions) == list(result.standing_assertions)
        and previous.deleted == result.deleted
        and previous.label == result.label
        and set(previous.withdrawn_paths) == set(result.withdrawn_paths)
        and slots_of(record_type, record_type.unpack(previous.content)) == content
    )
