"""From the codes that sources say to canonical ones: what survivorship is made on.

A pure function of source revisions and code-map revisions. Stored source records keep their own codes; what is returned
here says the same in canonical codes, slot by slot. Nothing is dropped: a code that its map lacks stays as it is; where
two codes of one source lead to the same element of a keyed collection, one of them stays; and where canonical codes
would make a value contradict itself, all of its codes stay.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from types import SimpleNamespace
from typing import NamedTuple
from urllib.parse import unquote

from google.protobuf.message import Message

from concord.mdm.v1 import ingest_pb2 as pb
from concord.mdm.v1 import record_pb2
from services.mdm.domain.assertions import Standing, standing
from services.mdm.domain.codes.code_map import CodeMaps, Spot, coded_in, coded_keys, spots
from services.mdm.domain.effective import Period, period_of
from services.mdm.domain.record_type import ELEMENT_ITSELF, Coded, Group, RecordType
from services.mdm.domain.slot import assembled, element_path, group_of, is_sliced, keyed_path


class Translation(NamedTuple):
    """What a map made of one code: at which slot and field of which source, when, and whether it was put there."""

    source_record: str
    path: str
    """The slot's path in canonical codes."""
    field: str
    period: Period
    code_list: str
    code: str
    canonical: str
    """What the map leads to; empty = it lacks the code."""
    applied: bool
    """Whether the slot shows the canonical code: it does not where another slot of the source is there already."""
    code_map: str
    """The map's revision."""


@dataclass(frozen=True)
class Coding:
    """Source records in canonical codes, what became of each code, and the revisions of the maps that were asked."""

    statements: tuple[pb.SourceRecord, ...]
    translations: tuple[Translation, ...] = ()
    map_revisions: tuple[str, ...] = ()

    def digest(self, survived: bytes) -> bytes:
        """Return the digest of what survived together with which codes are not mapped.

        It is that of what survived where all are: then there is nothing else to tell.
        """
        marks = sorted(
            f"{each.source_record} {each.path} {each.field} {each.code_list} {each.code} {each.canonical}"
            for each in self.translations
            if not each.applied
        )
        return sha256("\n".join([survived.hex(), *marks]).encode()).digest() if marks else survived


def coded(record_type: RecordType, sources: Sequence[pb.SourceRecord], code_maps: Mapping[str, CodeMaps]) -> Coding:
    """Return stored source records in canonical codes, given code maps by system; others stay what they are."""
    if not any(source.system in code_maps for source in sources):
        return Coding(tuple(sources))
    statements, translations, revisions = [], [], set[str]()
    for source in sources:
        maps = code_maps.get(source.system)
        if maps and not source.deleted:
            recoding = _Recoding(record_type, source, maps)
            statements.append(recoding.statement())
            translations += recoding.translations
            revisions |= recoding.asked
        else:
            statements.append(source)
    return Coding(tuple(statements), tuple(translations), tuple(sorted(revisions)))


@dataclass(frozen=True)
class _Slot:
    """A standing assertion on its way to canonical codes."""

    source_path: str
    path: str
    standing: Standing
    translations: tuple[Translation, ...] = ()

    @property
    def order(self) -> tuple[bool, str]:
        """Of slots that lead to one path, the one that is there already comes first, then by the source's code."""
        return self.path != self.source_path, self.source_path


class _Recoding:
    """One source record under its system's maps."""

    def __init__(self, record_type: RecordType, source: pb.SourceRecord, maps: CodeMaps) -> None:
        self._record_type = record_type
        self._source = source
        self._maps = maps
        self._said = standing(record_type, source)
        self.asked: set[str] = set()
        valued = [self._slot(path, one.value) for path, one in self._said.items() if one.value is not None]
        self._slots = self._apart(valued)
        self._withdraw(self._withdrawal(path) for path, one in self._said.items() if one.value is None)
        self.translations = [each for slot in self._slots.values() for each in slot.translations]

    def statement(self) -> pb.SourceRecord:
        """Return the source record in canonical codes; itself when no code was looked up."""
        if not self.asked:
            return self._source
        result = pb.SourceRecord()
        result.CopyFrom(self._source)
        del result.standing_assertions[:]
        for path in sorted(self._slots):
            result.standing_assertions.add().CopyFrom(self._slots[path].standing.assertion)
            result.standing_assertions[-1].path = path
        values = {path: one.value for path, slot in self._slots.items() if (one := slot.standing).value is not None}
        result.standing_content.CopyFrom(self._record_type.pack(assembled(self._record_type, values)))
        return result

    def _apart(self, slots: Sequence[_Slot]) -> dict[str, _Slot]:
        """Return slots by path. Of several that lead to one element, one goes there and the others keep their codes."""
        by_path: dict[str, _Slot] = {}
        staying = set[str]()
        for slot in sorted(slots, key=lambda each: each.order):
            if by_path.setdefault(slot.path, slot) is not slot:
                staying.add(slot.source_path)
        if not staying:
            return by_path
        # Where one stays it may be in the way of another: look again. Each time at least one more stays.
        return self._apart([self._staying(slot) if slot.source_path in staying else slot for slot in slots])

    def _staying(self, slot: _Slot) -> _Slot:
        group, sliced = self._place(slot.source_path)
        value = self._said[slot.source_path].value
        if group is None or value is None:
            return slot
        return self._slot(slot.source_path, value, coded_keys(self._record_type, group, sliced=sliced))

    def _slot(self, path: str, said: Message, staying: Collection[Coded] = ()) -> _Slot:
        """Return a slot with its codes mapped, but for those of fields that are `staying`."""
        assertion, (group, sliced) = self._said[path].assertion, self._place(path)
        fields = coded_in(self._record_type, group, sliced=sliced) if group else ()
        if group is None or not any(True for _ in self._mapped_spots(fields, said)):
            return _Slot(path, path, Standing(assertion, said))
        value = type(said)()
        value.CopyFrom(said)
        told = [self._translated(spot, stays=spot.coded in staying) for spot in self._mapped_spots(fields, value)]
        if not staying and self._contradicts(value, said):
            return self._slot(path, said, fields)
        keyed = coded_keys(self._record_type, group, sliced=sliced)
        moved = keyed_path(self._record_type, group, value, sliced=sliced) if keyed else path
        return _Slot(path, moved, Standing(assertion, value), tuple(each._replace(path=moved) for each in told))

    def _place(self, path: str) -> tuple[Group | None, bool]:
        return group_of(self._record_type, path), is_sliced(self._record_type, path)

    def _contradicts(self, value: Message, said: Message) -> bool:
        """Tell whether canonical codes make a slot contradict itself, such as packs of which two become one."""
        return value != said and any(
            any(True for _ in check(value)) and not any(True for _ in check(said))
            for check in self._record_type.validators
        )

    def _mapped_spots(self, fields: Sequence[Coded], content: Message) -> Iterator[Spot]:
        """Give the codes of a content that there is a map for."""
        return (spot for field in fields for spot in spots(field, content) if spot.code_list in self._maps)

    def _translated(self, spot: Spot, *, stays: bool) -> Translation:
        """Put a code's canonical code in its place, unless it stays or has none; tell what was done."""
        canonical = self._look_up(spot.code_list, spot.code)
        applied = bool(canonical) and not stays
        if applied:
            spot.put(canonical)
        revision = self._maps[spot.code_list].revision
        told = (spot.coded.path, spot.period, spot.code_list, spot.code, canonical, applied, revision)
        return Translation(self._source.name, "", *told)

    def _withdrawal(self, path: str) -> _Slot:
        """Return the withdrawal of an element with the codes of its path mapped, or any other as it is."""
        group, sliced = self._place(path)
        keys = coded_keys(self._record_type, group, sliced=sliced) if group else ()
        before, bracket, within = path.partition("[")
        if group is None or not bracket or not keys:
            return _Slot(path, path, self._said[path])
        parts = dict(zip(group.element_key, map(unquote, within.removesuffix("]").split("/")), strict=True))
        for field in keys:
            key = field.steps[-1] if field.steps[-1] in parts else ""
            code_list = parts[field.scheme] if field.scheme else field.code_list
            parts[key] = self._look_up(code_list, parts[key]) or parts[key]
        element = SimpleNamespace(**parts) if group.element_key != ELEMENT_ITSELF else parts[""]
        moved = before + element_path(group, element).removeprefix(group.name)
        return _Slot(path, moved, self._said[path])

    def _withdraw(self, withdrawals: Iterable[_Slot]) -> None:
        """Add withdrawals; where the source says a value under another code, that stands."""
        for slot in sorted(withdrawals, key=lambda each: each.order):
            there = self._slots.setdefault(slot.path, slot)
            if there.standing.value is not None:
                assertion = pb.StandingAssertion()
                assertion.CopyFrom(there.standing.assertion)
                assertion.withdrawn = True
                self._slots[slot.path] = replace(there, standing=Standing(assertion, there.standing.value))

    def _look_up(self, code_list: str, code: str) -> str:
        """Return where a code leads; empty = nowhere, or there is no map. A map that there is counts as asked."""
        code_map = self._maps.get(code_list)
        if code_map is None:
            return ""
        self.asked.add(code_map.revision)
        return code_map.codes.get(code, "")


def annotate(explanation: record_pb2.Explanation, coding: Coding) -> None:
    """Tell in an explanation what became of the sources' codes."""
    explanation.code_map_revisions[:] = coding.map_revisions
    by_slot: dict[tuple[str, str], list[Translation]] = {}
    for each in coding.translations:
        by_slot.setdefault((each.source_record, each.path), []).append(each)
    for value in explanation.values:
        during = period_of(value)
        for assertion in ([value.winner] if value.HasField("winner") else []) + list(value.losers):
            if not assertion.withdrawn:
                said = by_slot.get((assertion.source_record, value.path), ())
                assertion.codes.extend(_told(each for each in said if not each.period.clip(during).empty))


def _told(translations: Iterable[Translation]) -> list[record_pb2.CodeTranslation]:
    """Return translations as an explanation tells them, each once."""
    facts = dict.fromkeys((t.field, t.code, t.canonical, not t.applied, t.code_map) for t in translations)
    return [
        record_pb2.CodeTranslation(
            field=field, source_code=code, canonical_code=canonical, unmapped=unmapped, code_map_revision=revision
        )
        for field, code, canonical, unmapped, revision in facts
    ]
