"""Translation: rows of a table as messages of one type, by a mapping; what does not fit is told cell by cell."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from clients.cli.files.cells import Cell, CellError, is_value, needs_currency, value_of
from clients.cli.files.mapping import Mapped
from clients.cli.mistake import Mistake, nearest

_STEP = re.compile(r"([a-z][a-z0-9_]*)(?:\[([0-9]{1,3})\])?")


@dataclass(frozen=True)
class Problem:
    """What is wrong with one cell: its column, the path that it was to say, and why it can't."""

    column: str
    path: str
    message: str


class _Step(NamedTuple):
    name: str
    place: int | None
    """The element's place in a list; None = no list."""


class _Target(NamedTuple):
    mapped: Mapped
    steps: tuple[_Step, ...]
    field: FieldDescriptor


_Holders: TypeAlias = dict[tuple[_Step, ...], Any]


class Translation:
    """A mapping, bound to a type of messages. Raises Mistake where it names what the type does not have."""

    def __init__(self, mapping: Iterable[Mapped], descriptor: Descriptor) -> None:
        self._targets = [_target(one, descriptor) for one in mapping]
        # Elements of lists in their order, and constants when it is known what is there for them to belong to.
        self._targets.sort(key=lambda target: (not target.mapped.column, [step.place or 0 for step in target.steps]))
        self.columns: Mapping[str, str] = {one.mapped.path: one.mapped.column for one in self._targets}

    def fill(self, row: Mapping[str, Cell], message: Message) -> Sequence[Problem]:
        """Say in a message what a row says; return what it can't say. Constants count where their message is there."""
        problems: list[Problem] = []
        holders: _Holders = {(): message}
        for target in self._targets:
            mapped = target.mapped
            cell = row[mapped.column] if mapped.column else mapped.constant
            if cell is None or (isinstance(cell, str) and not cell.strip() and "" not in mapped.form.values):
                continue
            if not mapped.column and target.steps[:-1] not in holders:
                # A supplier without a tax id gets no tax id's country.
                continue
            try:
                _say(_holder(holders, target.steps[:-1]), target, cell)
            except (CellError, ValueError, OverflowError) as error:
                problems.append(Problem(mapped.column, mapped.path, str(error)))
        return problems

    def column_of(self, path: str) -> str:
        """Return the column that says a path, or something in or around it; empty when none does."""
        plain = _plain(path)
        for said, column in self.columns.items():
            one = _plain(said)
            if column and (one == plain or one.startswith(f"{plain}.") or plain.startswith(f"{one}.")):
                return column
        return ""


def _target(mapped: Mapped, descriptor: Descriptor) -> _Target:
    steps: list[_Step] = []
    inside: Descriptor | None = descriptor
    for part in mapped.path.split("."):
        match = _STEP.fullmatch(part)
        name, index = (match[1], match[2]) if match else (part, None)
        if inside is None or name not in inside.fields_by_name:
            known = inside.fields_by_name if inside is not None else ()
            raise Mistake(f"the mapping's path {mapped.path!r} is none: there is no {part!r}", nearest(name, known))
        field: FieldDescriptor = inside.fields_by_name[name]
        if index is not None and not field.is_repeated:
            raise Mistake(f"the mapping's path {mapped.path!r}: {name} is no list", f"write {name} without [{index}]")
        steps.append(_Step(name, int(index or 0) if field.is_repeated else None))
        inside = field.message_type
    if not is_value(field):
        assert inside is not None  # noqa: S101 - what is no value is a message
        raise Mistake(f"the mapping's path {mapped.path!r} is no value", nearest("", inside.fields_by_name))
    if needs_currency(field) and not mapped.form.currency:
        raise Mistake(f"{mapped.path!r} is an amount: declare its currency", '"currency": "EUR" in the mapping')
    return _Target(mapped, tuple(steps), field)


def _holder(holders: _Holders, steps: tuple[_Step, ...]) -> Any:
    """Return the message that a value belongs to, made when it is said first: elements that say nothing are none."""
    if steps not in holders:
        above, last = _holder(holders, steps[:-1]), steps[-1]
        below = getattr(above, last.name)
        holders[steps] = below if last.place is None else below.add()
    return holders[steps]


def _say(holder: Any, target: _Target, cell: Cell) -> None:
    last, form = target.steps[-1], target.mapped.form
    if last.place is not None:
        parts = str(cell).split(form.separator) if form.separator else [cell]
        said = [part for part in parts if not isinstance(part, str) or part.strip()]
        getattr(holder, last.name).extend([value_of(target.field, part, form) for part in said])
        return
    value = value_of(target.field, cell, form)
    if isinstance(value, Message):
        getattr(holder, last.name).CopyFrom(value)
    else:
        setattr(holder, last.name, value)


def _plain(path: str) -> str:
    return re.sub(r"\[[^\]]*\]", "", path)
