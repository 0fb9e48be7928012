"""Contents of any master from its declaration alone: every field said, each as its contract allows.

`sample` is what a system may say, `for_stewards` what a steward may. Contents of different numbers
carry different identifiers. Where a type's rules ask for more than the contract tells, one function in `_AMENDING`
amends the generic content; a type without one needs none.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.type.date_pb2 import Date
from stdnum import ean, luhn
from stdnum.iso7064 import mod_97_10

from services.mdm.domain.identifiers import match_keys
from services.mdm.domain.record_type import METADATA, Group, RecordType
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.domain.validity import nameless, violations
from services.mesh.contract import validation
from tests.support.samples.periods import period_message

BEGINNING, GAP, RETURN, END = date(2020, 1, 1), date(2023, 1, 1), date(2024, 1, 1), date(2030, 1, 1)
"""A sliced sample is in effect until the day before the gap, and again from the return to the day before the end."""

LEDGER = "ledgers/general"
"""What accounts are in; it has to be registered before stewards decide on them."""

_TEXTS: tuple[Callable[[str, int], str], ...] = (
    lambda field, number: f"{field} {number}",
    *(lambda _field, number, digits=digits: f"{number:0{digits}d}" for digits in (5, 8, 9, 10, 13, 14)),
    lambda _field, _number: "US",
    lambda _field, _number: "USD",
    lambda _field, number: f"5299{number:014d}00",
    lambda field, number: f"{field}s/{number}",
    lambda _field, _number: "entities/north",
    *(lambda _field, number, kind=kind: f"{kind.collection}/{number}" for kind in RECORD_TYPES),
    lambda _field, number: f"{10000 + number}-001-01"[1:],
    lambda _field, number: f"+A{number % 1000:03d}{number:06d}",
)
"""Texts of different forms, the most readable first: a field takes the first that its contract allows."""


def sample(record_type: RecordType, number: int) -> Message:
    """Return a content that says every field. Raises AssertionError when the type needs a function of its own."""
    content = record_type.message()
    _fill(content, record_type.groups, number, record_type)
    if record_type.slice_field is not None:
        for start, end in ((BEGINNING, GAP), (RETURN, END)):
            piece = getattr(content, record_type.slice_field).add()
            piece.effective_period.CopyFrom(period_message(start, end))
            _fill(piece, record_type.slice_groups, number, record_type)
    amend = _AMENDING.get(record_type.name)
    if amend is not None:
        amend(content, number)
    wrong = [*validation.violations(content), *violations(record_type, content, strict=True)]
    assert not wrong, f"{record_type.name} needs a function in _AMENDING: {wrong}"
    return content


def independent(record_type: RecordType, number: int) -> Message:
    """Return a sample that refers to no other record."""
    content = sample(record_type, number)
    for holder in _holders(record_type, content):
        for reference in record_type.references:
            holder.ClearField(reference.field)
    return content


def for_stewards(record_type: RecordType, number: int) -> Any:
    """Return an independent sample for stewards to create: they refer only to what is there."""
    content = independent(record_type, number)
    content.entities.append("entities/north")  # type: ignore[attr-defined] # every master has it
    return content


def said(record_type: RecordType, record: Message) -> Message:
    """Return a golden record without what the hub itself keeps."""
    content = record_type.message()
    content.CopyFrom(record)
    for field in METADATA:
        content.ClearField(field)
    return content


@dataclass(frozen=True)
class Wording:
    """A text of a type that identifies nothing, which tests change: a field of its slices where it has some."""

    record_type: RecordType
    field: str

    @property
    def top_field(self) -> str:
        """The field of the record that an update of it names."""
        return self.record_type.slice_field or self.field

    @property
    def path(self) -> str:
        """Its path, as filters and explanations name it."""
        return f"{self.record_type.slice_field}.{self.field}" if self.record_type.slice_field else self.field

    def of(self, content: Message) -> str:
        """Return the text; of slices that of the first."""
        text: str = getattr(next(iter(_holders(self.record_type, content))), self.field)
        return text

    def changed(self, content: Message, text: str) -> Any:
        """Return a content with this text, in all of its slices; in one for ever where it has none."""
        result = self.record_type.message()
        result.CopyFrom(content)
        if self.record_type.slice_field is not None and not getattr(result, self.record_type.slice_field):
            getattr(result, self.record_type.slice_field).add()
        for holder in _holders(self.record_type, result):
            setattr(holder, self.field, text)
        return result


def wording(record_type: RecordType) -> Wording:
    """Return the text that tests change. Raises StopIteration when a type has none."""
    return next(iter(_wordings(record_type)))


def identified(record_type: RecordType, number: int) -> Any:
    """Return a content that says the sample's identifiers only: of another system, it is linked with the sample."""
    whole = sample(record_type, number)
    groups = [group for group in record_type.groups if _identifies(record_type, whole, group)]
    kept = {field for group in groups for field in group.fields}
    for field in record_type.descriptor.fields:
        if field.name not in kept:
            whole.ClearField(field.name)
    return whole


def known(record_type: RecordType, content: Any, besides: str = "") -> Any:
    """Give a content a name when it says nothing that it is known by; another one than at a path."""
    if nameless(record_type, content):
        setattr(content, next(path for path in record_type.known_by if path != besides), "Bare")
    return content


def misspelt(record_type: RecordType, content: Message) -> Iterator[tuple[str, Any]]:
    """Give contents with one identifier each that only its check digit gives away, with the identifier's field."""
    for field in record_type.descriptor.fields:
        for text in {text for text in _texts(_only(content, field.name)) if text[-1:].isdigit()}:
            wrong = record_type.message()
            wrong.CopyFrom(content)
            _replace(wrong, text, text[:-1] + str((int(text[-1]) + 1) % 10))
            found = violations(record_type, wrong, strict=True)
            if len(found) == 1 and not violations(record_type, wrong, strict=False):
                yield found[0].field, wrong


def values(record_type: RecordType, content: Message, path: str) -> list[Any]:
    """Return what a content says at a dotted path."""
    found: list[Any] = [content]
    for name in record_type.fields_of(path):
        found = [part for holder in found for part in _parts(holder, name)]
    return found


def literal(record_type: RecordType, path: str, value: Any) -> str:
    """Return a value as a filter spells it."""
    if isinstance(value, Date):
        return date(value.year, value.month, value.day).isoformat()
    field = _field(record_type, path)
    if field.enum_type is not None:
        return str(field.enum_type.values_by_number[value].name)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _field(record_type: RecordType, path: str) -> FieldDescriptor:
    descriptor: Any = record_type.descriptor
    *parents, last = record_type.fields_of(path)
    for name in parents:
        descriptor = descriptor.fields_by_name[name].message_type
    field: FieldDescriptor = descriptor.fields_by_name[last]
    return field


def _parts(holder: Any, name: str) -> list[Any]:
    field = holder.DESCRIPTOR.fields_by_name[name]
    if field.is_repeated:
        return list(getattr(holder, name))
    return [getattr(holder, name)] if not field.has_presence or holder.HasField(name) else []


def _holders(record_type: RecordType, content: Message) -> Iterator[Message]:
    """Give the messages that hold what tests change: the slices, or the content of a type without slices."""
    yield from getattr(content, record_type.slice_field) if record_type.slice_field else (content,)


def _wordings(record_type: RecordType) -> Iterator[Wording]:
    sliced = record_type.slice_field is not None
    descriptor = record_type.slice_descriptor if sliced else record_type.descriptor
    whole = sample(record_type, 1)
    for group in record_type.slice_groups if sliced else record_type.groups:
        field: Any = descriptor.fields_by_name[group.fields[0]]
        found = Wording(record_type, field.name)
        if len(group.fields) > 1 or field.is_repeated or field.type != FieldDescriptor.TYPE_STRING:
            continue
        changed = found.changed(whole, "another text")
        if not validation.violations(changed) and match_keys(record_type, changed) == match_keys(record_type, whole):
            yield found


def _identifies(record_type: RecordType, whole: Message, group: Group) -> bool:
    without = record_type.message()
    without.CopyFrom(whole)
    for field in group.fields:
        without.ClearField(field)
    return match_keys(record_type, without) != match_keys(record_type, whole)


def _only(message: Message, field: str) -> Message:
    part = type(message)()
    part.CopyFrom(message)
    for other, _ in message.ListFields():
        if other.name != field:
            part.ClearField(other.name)
    return part


def _texts(message: Message) -> Iterator[str]:
    for field, value in message.ListFields():
        for part in value if field.is_repeated else (value,):
            if isinstance(part, Message):
                yield from _texts(part)
            elif isinstance(part, str):
                yield part


def _replace(message: Message, text: str, other: str) -> None:
    for field, value in message.ListFields():
        for part in value if field.is_repeated else (value,):
            if isinstance(part, Message):
                _replace(part, text, other)
        if not field.is_repeated and value == text:
            setattr(message, field.name, other)


def _fill(message: Message, groups: tuple[Group, ...], number: int, record_type: RecordType) -> None:
    for name in (name for group in groups for name in group.fields):
        if name == record_type.period_field:
            getattr(message, name).CopyFrom(period_message(BEGINNING, END))
        else:
            _set(message, message.DESCRIPTOR.fields_by_name[name], number)


def _set(message: Message, field: Any, number: int) -> None:
    value = _value(message, field, number)
    if field.is_repeated:
        getattr(message, field.name).append(value)
    elif field.message_type is not None:
        getattr(message, field.name).CopyFrom(value)
    else:
        setattr(message, field.name, value)


def _value(message: Message, field: Any, number: int) -> Any:
    if field.message_type is Date.DESCRIPTOR:
        day = BEGINNING + timedelta(days=number)
        return Date(year=day.year, month=day.month, day=day.day)
    if field.message_type is not None:
        element = GetMessageClass(field.message_type)()
        for inner in field.message_type.fields:
            _set(element, inner, number)
        return element
    if field.enum_type is not None:
        return field.enum_type.values[1].number
    if field.type == FieldDescriptor.TYPE_BOOL:
        return True
    return _text(message, field, number) if field.type == FieldDescriptor.TYPE_STRING else 1 + number % 1000


def _text(message: Message, field: Any, number: int) -> str:
    for write in _TEXTS:
        text = write(field.name, number)
        alone = type(message)()
        if field.is_repeated:
            getattr(alone, field.name).append(text)
        else:
            setattr(alone, field.name, text)
        if not any(wrong.field.partition("[")[0] == field.name for wrong in validation.violations(alone)):
            return text
    raise AssertionError(f"no text fits {field.full_name}: add one to _TEXTS")


def _gln(number: int) -> str:
    digits = f"06{number:010d}"
    return digits + ean.calc_check_digit(digits)


def _amend_account(content: Any, _number: int) -> None:
    content.ledger = LEDGER


def _amend_employee(content: Any, _number: int) -> None:
    content.worker_type = content.WORKER_TYPE_AGENCY
    for piece in content.slices:
        piece.shift_differentials[0].ClearField("percentage")


def _amend_item(content: Any, number: int) -> None:
    digits = f"006{number:010d}"
    content.trade_items[0].gtin = digits + ean.calc_check_digit(digits)
    content.hibc = _hibc(number)


def _hibc(number: int) -> str:
    """Return an HIBC with its check character, modulus 43."""
    characters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"
    data = f"+A123{number}1"
    return data + characters[sum(map(characters.index, data)) % len(characters)]


def _amend_location(content: Any, number: int) -> None:
    content.gln = _gln(number)


def _amend_supplier(content: Any, number: int) -> None:
    entity = f"5299{number:014d}"
    content.lei = entity + mod_97_10.calc_check_digits(entity)
    content.duns = f"{100_000_000 + number}"
    content.gln, content.sites[0].gln = _gln(number), _gln(number + 5 * 10**9)
    content.npi = f"1{number:08d}" + luhn.calc_check_digit(f"808401{number:08d}")


_AMENDING: Mapping[str, Callable[[Any, int], None]] = {
    "account": _amend_account,
    "employee": _amend_employee,
    "item": _amend_item,
    "location": _amend_location,
    "supplier": _amend_supplier,
}
