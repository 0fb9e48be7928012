"""Code maps, and the coded fields of contents that they are applied to.

Codes are looked up by (system, code list, code), never by text: what one system calls `CA` may be another's `CS`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

from google.protobuf.message import Message

from concord.mdm.v1 import reference_data_pb2 as pb
from services.mdm.domain.effective import ALWAYS, Period, period_of
from services.mdm.domain.record_type import Coded, Group, RecordType


@dataclass(frozen=True)
class CodeMap:
    """One system's codes for one list at one revision, `codeMaps/erp:units@2`: the canonical code of each.

    `preferred` are those that their canonical code goes out as.
    """

    revision: str
    codes: Mapping[str, str]
    preferred: frozenset[str] = frozenset()

    @classmethod
    def of(cls, code_map: pb.CodeMap) -> "CodeMap":
        """Return a stored code map ready for use."""
        codes = {entry.source_code: entry.canonical_code for entry in code_map.entries}
        preferred = frozenset(entry.source_code for entry in code_map.entries if entry.preferred)
        return cls(f"{code_map.name}@{code_map.revision}", codes, preferred)

    def going_out(self, canonical: str) -> Sequence[str]:
        """Return the codes that a canonical one may go out as: the preferred one, or all that lead to it."""
        return self._going_out.get(canonical, ())

    @cached_property
    def _going_out(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = {}
        for code, canonical in self.codes.items():
            found.setdefault(canonical, []).append(code)
        return found | {self.codes[code]: [code] for code in self.preferred}


CodeMaps = Mapping[str, CodeMap]
"""One system's code maps by the id of their list."""


def by_system(code_maps: Iterable[pb.CodeMap]) -> dict[str, CodeMaps]:
    """Return stored code maps ready for use, by their systems."""
    found: dict[str, dict[str, CodeMap]] = {}
    for code_map in code_maps:
        found.setdefault(code_map.system, {})[list_id(code_map.code_list)] = CodeMap.of(code_map)
    return dict(found)


def list_id(code_list: str) -> str:
    """Return the id of a list from its name."""
    return code_list.partition("/")[2]


class Spot(NamedTuple):
    """A place in a content that holds a code: which coded field, the code, its list's id, and for slices when."""

    coded: Coded
    holder: Any
    place: int | None
    code: str
    code_list: str
    period: Period

    def put(self, code: str) -> None:
        """Write another code there."""
        if self.place is None:
            setattr(self.holder, self.coded.steps[-1], code)
        else:
            getattr(self.holder, self.coded.steps[-1])[self.place] = code


@cache
def coded_in(record_type: RecordType, group: Group, *, sliced: bool) -> tuple[Coded, ...]:
    """Return the coded fields of a survivorship group."""
    return tuple(
        coded
        for coded in record_type.coded
        if (coded.steps[0] == record_type.slice_field) == sliced and coded.steps[int(sliced)] in group.fields
    )


@cache
def coded_keys(record_type: RecordType, group: Group, *, sliced: bool) -> tuple[Coded, ...]:
    """Return those that tell the elements of a keyed collection apart; none for other groups."""
    if not group.keyed:
        return ()
    holder = (*([record_type.slice_field] if sliced else []), group.name)
    keys = {(*holder, key) if key else holder for key in group.element_key}
    return tuple(coded for coded in coded_in(record_type, group, sliced=sliced) if coded.steps in keys)


def spots(coded: Coded, content: Message) -> Iterator[Spot]:
    """Give every code that a content holds at a coded field."""
    yield from _spots(coded, content, 0, ALWAYS)


def _spots(coded: Coded, holder: Any, depth: int, period: Period) -> Iterator[Spot]:
    name = coded.steps[depth]
    value, repeated = getattr(holder, name), holder.DESCRIPTOR.fields_by_name[name].is_repeated
    if depth + 1 == len(coded.steps):
        code_list = getattr(holder, coded.scheme) if coded.scheme else coded.code_list
        codes = enumerate(value) if repeated else [(None, value)]
        yield from (Spot(coded, holder, place, code, code_list, period) for place, code in codes if code)
    elif repeated:
        for part in value:
            dated = "effective_period" in part.DESCRIPTOR.fields_by_name
            yield from _spots(coded, part, depth + 1, period_of(part) if dated else period)
    elif holder.HasField(name):
        yield from _spots(coded, value, depth + 1, period)
