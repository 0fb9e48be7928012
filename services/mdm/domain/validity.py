"""What a content must not say although each of its fields may."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from services.mdm.domain.effective import Period, period_of, to_date
from services.mdm.domain.identifiers import match_keys
from services.mdm.domain.record_type import Group, RecordType
from services.mdm.domain.slot import element_path
from services.mdm.domain.violation import Violation

_DATE = "google.type.Date"
_NUL = re.compile(r"\x00")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_IN_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def violations(
    record_type: RecordType, content: Message, *, strict: bool, said_before: bool = False
) -> list[Violation]:
    """Return what is wrong with a content, in order, each once; nothing = it can be taken in.

    `strict` is for stewards: then wrong check digits count too. A source's record with one enters
    (the identifier just links nothing), since the hub is where people find and correct it.
    `said_before` is for what is only repeated: see `control_character`.
    """
    if found := list(_unusable(record_type, content, said_before=said_before)):
        return found
    checks = (*record_type.validators, *(record_type.strict_validators if strict else ()))
    return [
        *_duplicates(record_type.groups, content, ""),
        *_periods(record_type, content),
        *(violation for check in checks for violation in check(content)),
    ]


def nameless(record_type: RecordType, content: Message) -> list[Violation]:
    """Return what is wrong with a whole content that says neither what people call the thing nor an identifier.

    Nobody would find it, and hardly anything link it. Parts, such as what an update changes, need neither.
    """
    names = record_type.known_by
    if not names or any(_says(content, path.split(".")) for path in names) or match_keys(record_type, content):
        return []
    others = ", ".join((*names[1:], "identifier"))
    return [Violation(names[0], f"is missing, and nothing else says what the record is: {others}")]


def _says(holder: Message, steps: Sequence[str]) -> bool:
    """Say whether there is a text, other than blanks, along a path."""
    value = getattr(holder, steps[0])
    for part in [value] if isinstance(value, str | Message) else value:
        if part.strip() if isinstance(part, str) else _says(part, steps[1:]):
            return True
    return False


def control_character(text: str, *, multi_line: bool = False, said_before: bool = False) -> str:
    """Name the first control character of a text, such as `U+0009`; empty = it has none that it may not have.

    Texts of several lines may have tabs and ends of lines. What was said before may have all that was let pass then,
    all but U+0000: else a record from then could not be deleted, brought back, or changed in another field.
    """
    found = (_NUL if said_before else _CONTROL_IN_LINES if multi_line else _CONTROL).search(text)
    return f"U+{ord(found[0]):04X}" if found else ""


def _unusable(
    record_type: RecordType, message: Message, prefix: str = "", place: str = "", *, said_before: bool
) -> Iterator[Violation]:
    """Give what nothing can be done with: control characters in texts, days that no calendar has.

    `prefix` is what stands before the names of fields in the paths of violations, `place` in dotted paths.
    """
    for field, value in message.ListFields():
        if not _may_be_unusable(field):
            continue
        below = field.message_type
        # Whether all is printable is told fastest, and nearly all is.
        if below is None and all(map(str.isprintable, value if field.is_repeated else (value,))):
            continue
        for number, part in enumerate(value) if field.is_repeated else ((-1, value),):
            path = f"{prefix}{field.name}[{number}]" if field.is_repeated else f"{prefix}{field.name}"
            if below is None:
                multi_line = f"{place}{field.name}" in record_type.multi_line
                if found := control_character(part, multi_line=multi_line, said_before=said_before):
                    yield Violation(path, f"contains the control character {found}")
            elif below.full_name == _DATE:
                yield from _date(part, path)
            else:
                below_it = f"{path}.", f"{place}{field.name}."
                yield from _unusable(record_type, part, *below_it, said_before=said_before)


@cache
def _may_be_unusable(field: FieldDescriptor) -> bool:
    below = field.message_type
    if below is None or below.full_name == _DATE:
        return below is not None or field.type == FieldDescriptor.TYPE_STRING
    # A message that holds itself is looked into.
    return any(
        each.message_type in {field.message_type, field.containing_type} or _may_be_unusable(each)
        for each in below.fields
    )


def _date(value: Message, path: str) -> Iterator[Violation]:
    try:
        to_date(value)
    except ValueError:
        yield Violation(path, "is no full date of the calendar")


def _duplicates(groups: Iterable[Group], holder: Message, prefix: str) -> Iterator[Violation]:
    for group in groups:
        if group.keyed and len(elements := getattr(holder, group.name)) > 1:
            times = Counter(element_path(group, element) for element in elements)
            for path in sorted(path for path, count in times.items() if count > 1):
                yield Violation(f"{prefix}{path}", "is there more than once")


def _periods(record_type: RecordType, content: Message) -> Iterator[Violation]:
    if record_type.period_field is not None and period_of(content, record_type.period_field).empty:
        yield Violation(record_type.period_field, "ends before it begins or on the same day")
    if record_type.slice_field is None:
        return
    spans: list[tuple[Period, str]] = []
    for number, piece in enumerate(getattr(content, record_type.slice_field)):
        path = f"{record_type.slice_field}[{number}]"
        yield from _duplicates(record_type.slice_groups, piece, f"{path}.")
        period = period_of(piece)
        if period.empty:
            yield Violation(f"{path}.effective_period", "ends before it begins or on the same day")
        else:
            spans.append((period, path))
    for (one, path), (other, next_path) in pairwise(sorted(spans, key=lambda span: span[0].order)):
        if one.reaches(other) or other.start is None:
            yield Violation(f"{next_path}.effective_period", f"overlaps the one of {path}")
