"""Cost centers and departments ↔ `analytic_account.account`.

An account is a snapshot: what it says of name, manager, location, parent and blocking holds always, as far as Tryton
knows; only `Valid from` and `Valid to` say when there is such a cost center at all.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from concord.mdm.v1.cost_center_pb2 import CostCenter, CostCenterSlice, HierarchyParent
from concord.mdm.v1.record_pb2 import EffectivePeriod
from services.adapter.domain.effective import in_effect
from services.adapter.systems.connector import Expression, Translation, Value
from services.erp_adapter.domain.path import collection_and_key, element
from services.erp_adapter.domain.tryton import note, period
from services.erp_adapter.domain.tryton.conventions import Conventions
from services.erp_adapter.domain.tryton.held import Held, Row

BLANK: Row = {"active": True, "state": "opened", "note": None, "parent.": None, "type": "normal"}
"""An account before anything is said of it."""

_KINDS = {
    "root": CostCenter.KIND_DEPARTMENT,
    "view": CostCenter.KIND_DEPARTMENT,
    "normal": CostCenter.KIND_POSTING,
}
_LINES = {"slices.manager": note.MANAGER, "slices.location": note.LOCATION}


def translate(row: Row, conventions: Conventions) -> Translation:
    """Return an account as a cost center. Raises UntranslatableError."""
    account = Held(row, "account")
    lines = note.read(account)
    kind = _KINDS.get(account.text("type"))
    if kind is None:
        raise account.refused("type", "is neither root, view nor normal")
    currency = account.one("currency")
    piece = CostCenterSlice(
        display_name=account.text("name"),
        manager=lines.get(note.MANAGER, ""),
        location=lines.get(note.LOCATION, ""),
        currency_code=currency.text("code") if currency else "",
        blocked_for_posting=account.text("state") != "opened" or not account.flag("active"),
        parents=_parents(account, lines, conventions),
    )
    content = CostCenter(
        entity=_entity(account, lines, conventions),
        code=account.text("code"),
        kind=kind,
        effective_period=_period(account, lines),
        slices=[piece],
    )
    return Translation("cost_center", content, label=content.code)


def express(content: CostCenter, today: date, conventions: Conventions) -> Expression:
    """Return what an account can say of a cost center on a day.

    Of a cost center that has ended or not begun, it says the last (or first) that was true of it, and that it is
    blocked.
    """
    values: dict[str, Value] = {}
    inexpressible: list[str] = []
    for path, value in _said(content, today, conventions):
        if value is None or _breaks_lines(value):
            inexpressible.append(path)
        else:
            values[path] = value
    return Expression(values, tuple(inexpressible))


def applied(row: Row, values: Mapping[str, Value], conventions: Conventions) -> Row:
    """Return an account as it should be when it says these values; the others stay. None = to be emptied."""
    result: dict[str, Any] = dict(row)
    lines: dict[str, str | None] = {}
    for path, value in values.items():
        if path in _LINES:
            lines[_LINES[path]] = str(value) if value else None
        elif path == "slices.display_name":
            result["name"] = value
        elif path == "slices.blocked_for_posting":
            result |= {"state": "closed"} if value else {"state": "opened", "active": True}
        elif path == element("slices.parents", conventions.hierarchy):
            result["parent."] = _parent(row, value, conventions)
        elif path == "effective_period":
            said = value if isinstance(value, Mapping) else {}
            lines |= {note.FROM: _text(said.get("first_day")), note.TO: _text(said.get("last_day"))}
        elif path == "identity" and isinstance(value, Mapping):
            result["code"] = value["code"]
            lines[note.ENTITY] = conventions.entity_name(str(value["entity"]))
        elif path == "kind" and value:
            result["type"] = "normal" if value == "POSTING" else "root" if row["type"] == "root" else "view"
        else:
            raise ValueError(f"Tryton does not hold {collection_and_key(path)[0]}, or can't do without it")
    if lines:
        result["note"] = note.written(row["note"], lines)
    return result


def _said(content: CostCenter, today: date, conventions: Conventions) -> Iterator[tuple[str, Value]]:
    """Give the values that the content gives, by path; None = Tryton can't hold it."""
    if content.entity or content.code:
        known = content.code and (not content.entity or conventions.entity_name(content.entity))
        yield "identity", {"entity": content.entity, "code": content.code} if known else None
    if content.kind:
        yield "kind", "POSTING" if content.kind == CostCenter.KIND_POSTING else "DEPARTMENT"
    if content.effective_period.ListFields():
        yield "effective_period", period.days(content.effective_period)
    if piece := period.telling(content.slices, today):
        yield from _said_of_slice(piece, content.entity, today, conventions)


def _said_of_slice(
    piece: CostCenterSlice, entity: str, today: date, conventions: Conventions
) -> Iterator[tuple[str, Value]]:
    for field in ("display_name", "manager", "location"):
        if value := getattr(piece, field).strip():
            yield f"slices.{field}", value
    if not in_effect(piece.effective_period, today):
        yield "slices.blocked_for_posting", True
    elif piece.HasField("blocked_for_posting"):
        yield "slices.blocked_for_posting", piece.blocked_for_posting
    for parent in piece.parents:
        if parent.hierarchy == conventions.hierarchy:
            yield element("slices.parents", parent.hierarchy), _value(parent, entity, conventions)


def _entity(account: Held, lines: Mapping[str, str], conventions: Conventions) -> str:
    name = lines.get(note.ENTITY)
    if name is not None and name not in conventions.entities:
        raise account.refused("note", "names an entity that is not configured")
    return conventions.entities[name] if name is not None else ""


def _parents(account: Held, lines: Mapping[str, str], conventions: Conventions) -> list[HierarchyParent]:
    """Return the parent, with its entity if that is another; one of no entity is none in the eyes of one that has."""
    parent = account.one("parent")
    if parent is None or not parent.text("code"):
        return []
    own, other = lines.get(note.ENTITY), note.read(parent).get(note.ENTITY)
    scope = "" if other == own else conventions.entities.get(other or "", "")
    if other != own and not scope:
        return []
    return [HierarchyParent(hierarchy=conventions.hierarchy, parent_code=parent.text("code"), parent_scope=scope)]


def _parent(row: Row, value: Value, conventions: Conventions) -> Row | None:
    """Return the parent as it should be: that of before if it says so, else its code, and its scope if it names one."""
    account = Held(row, "account")
    lines = note.read(account)
    entity = conventions.entities.get(lines.get(note.ENTITY, ""), "")
    if value in [_value(each, entity, conventions) for each in _parents(account, lines, conventions)]:
        before: Row = row["parent."]
        return before
    return value if isinstance(value, Mapping) else {"code": value} if value else None


def _value(parent: HierarchyParent, entity: str, conventions: Conventions) -> Value:
    """Return what an account says of its parent; None = it stands in books that Tryton does not know."""
    if parent.parent_scope in {"", entity}:
        return parent.parent_code
    known = conventions.entity_name(parent.parent_scope)
    return {"scope": parent.parent_scope, "code": parent.parent_code} if known else None


def _period(account: Held, lines: Mapping[str, str]) -> EffectivePeriod | None:
    first, last = note.day(account, lines, note.FROM), note.day(account, lines, note.TO)
    return period.of(first, last)


def _text(value: Value) -> str | None:
    return str(value) if value else None


def _breaks_lines(value: Value) -> bool:
    return isinstance(value, str) and len(value.splitlines()) > 1
