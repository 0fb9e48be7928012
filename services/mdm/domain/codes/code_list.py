"""What is wrong with code lists and code maps as people write them."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.message import Message

from concord.mdm.v1 import reference_data_pb2 as pb
from services.mdm.domain.codes.code_map import list_id
from services.mdm.domain.record_type import Coded, RecordType
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.domain.violation import Violation
from services.mesh.contract import validation

_INDEX = re.compile(r"\[\d+\]")


def list_violations(code_list: pb.CodeList, maps: Iterable[pb.CodeMap] = ()) -> list[Violation]:
    """Return what is wrong with a list, given the maps that lead to it."""
    codes = [value.code for value in code_list.values]
    found = [*_blank("values", codes), *_repeated("values", codes), *_unfit(list_id(code_list.name), codes)]
    if not code_list.display_name:
        found.append(Violation("display_name", "is missing"))
    led_to = {entry.canonical_code: code_map.name for code_map in maps for entry in code_map.entries}
    lost = sorted(led_to.keys() - set(codes))
    return found + [Violation(f"values[{code}]", f"is missing, and {led_to[code]} leads to it") for code in lost]


def map_violations(code_map: pb.CodeMap, code_list: pb.CodeList) -> list[Violation]:
    """Return what is wrong with a map to a list."""
    sources = [entry.source_code for entry in code_map.entries]
    known = {value.code for value in code_list.values}
    lost = [
        Violation(f"entries[{entry.source_code}].canonical_code", f"is no code of {code_list.name}")
        for entry in code_map.entries
        if entry.canonical_code not in known
    ]
    return [*_blank("entries", sources), *_repeated("entries", sources), *lost, *_preferred_twice(code_map)]


def _preferred_twice(code_map: pb.CodeMap) -> Iterator[Violation]:
    """Give the codes that are preferred beside another one for the same canonical code."""
    preferred: dict[str, str] = {}
    for entry in code_map.entries:
        if entry.preferred and preferred.setdefault(entry.canonical_code, entry.source_code) != entry.source_code:
            other = preferred[entry.canonical_code]
            yield Violation(f"entries[{entry.source_code}].preferred", f"is {other} for {entry.canonical_code} already")


def _blank(field: str, codes: Iterable[str]) -> Iterator[Violation]:
    return (Violation(f"{field}[{number}]", "is blank") for number, code in enumerate(codes) if not code.strip())


def _repeated(field: str, codes: Iterable[str]) -> Iterator[Violation]:
    times = Counter(codes)
    return (Violation(f"{field}[{code}]", "is there more than once") for code in sorted(times) if times[code] > 1)


def _unfit(code_list: str, codes: Iterable[str]) -> Iterator[Violation]:
    """Give the codes that a field which the list codes does not take: golden records would break their contract."""
    fields = [
        (record_type, coded)
        for record_type in RECORD_TYPES
        for coded in record_type.coded
        if coded.scheme or coded.code_list == code_list
    ]
    for code in codes:
        for record_type, coded in fields:
            broken = _broken(record_type, coded, code, code_list)
            if broken:
                yield Violation(f"values[{code}]", f"is not for {record_type.name}.{coded.path}: {broken}")
                break


def _broken(record_type: RecordType, coded: Coded, code: str, code_list: str) -> str:
    """Return why a field does not take a code, in words; empty when it does."""
    broken = validation.violations(_saying(record_type, coded, code, code_list))
    return next((each.description for each in broken if _INDEX.sub("", each.field) == coded.path), "")


def _saying(record_type: RecordType, coded: Coded, code: str, code_list: str) -> Message:
    """Return a content that says the code at the field, and little else."""
    content = record_type.message()
    holder: Any = content
    for step in coded.steps[:-1]:
        inner = getattr(holder, step)
        holder = inner.add() if holder.DESCRIPTOR.fields_by_name[step].is_repeated else inner
        holder.SetInParent()
    if coded.scheme:
        setattr(holder, coded.scheme, code_list)
    last = coded.steps[-1]
    if holder.DESCRIPTOR.fields_by_name[last].is_repeated:
        getattr(holder, last).append(code)
    else:
        setattr(holder, last, code)
    return content
