"""Locations ↔ `stock.location`.

Tryton's locations belong to no company: a location belongs to the entity of the nearest one above it, itself included,
whose code the conventions name. A location is a snapshot and has no days: what it says holds always.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from concord.mdm.v1.cost_center_pb2 import HierarchyParent
from concord.mdm.v1.location_pb2 import Location, LocationSlice
from services.adapter.systems.connector import Expression, Translation, Value
from services.erp_adapter.domain.path import element
from services.erp_adapter.domain.tryton import address, lineage, period
from services.erp_adapter.domain.tryton.conventions import Conventions
from services.erp_adapter.domain.tryton.held import Held, Row

BLANK: Row = {"active": True, "code": None, "name": None, "type": None, "parent.": None, "address.": None}
"""A location before anything is said of it."""

_WAREHOUSE = "warehouse"
_STOCKING = frozenset({_WAREHOUSE, "storage"})
_KIND = "KIND_"


def translate(row: Row, conventions: Conventions) -> Translation:
    """Return a location as the hub's. Raises UntranslatableError."""
    location = Held(row, "location")
    code, kind = location.text("code"), conventions.location_kinds.get(location.text("type"))
    if not code:
        raise location.refused("code", "is empty: others refer to a place by its code")
    if kind is None:
        raise location.refused("type", "is that of no place")
    entity = entity_of(location, conventions)
    # Tryton shows an address of warehouses only, and keeps what another type was given once.
    where = location.one("address") if location.text("type") == _WAREHOUSE else None
    piece = LocationSlice(
        display_name=location.text("name"),
        address=address.postal(where) if where else None,
        stocking=location.text("type") in _STOCKING,
        parents=_parents(location, entity, conventions),
    )
    content = Location(
        gln=address.told([each.row for each in where.many("contact_mechanisms")], address.GLN) if where else "",
        entity=entity,
        code=code,
        kind=Location.Kind.Value(f"{_KIND}{kind}"),
        slices=[piece],
    )
    return Translation("location", content, label=code)


def express(content: Location, today: date, conventions: Conventions) -> Expression:
    """Return what a location of Tryton's can say of a place on a day.

    Not written: GLN and address, which are the address's own; stocking, which follows from the type.
    """
    values: dict[str, Value] = {}
    inexpressible: list[str] = []
    for path, value in _said(content, today, conventions):
        if value is None:
            inexpressible.append(path)
        else:
            values[path] = value
    return Expression(values, tuple(inexpressible))


def applied(row: Row, values: Mapping[str, Value], conventions: Conventions) -> Row:
    """Return a location as it should be when it says these values; the others stay.

    Raises ValueError for values that a location can't do without, and for another entity: a person moves it there.
    """
    result: dict[str, Any] = dict(row)
    for path, value in values.items():
        if path == element("slices.parents", conventions.location_hierarchy):
            result["parent."] = _parent(row, value, conventions)
        elif path == "slices.display_name" and value:
            result["name"] = value
        elif path == "kind" and value:
            result["type"] = _type(row["type"], str(value), conventions)
        elif path == "identity" and isinstance(value, Mapping):
            if "id" in row and value["entity"] != entity_of(Held(row, "location"), conventions):
                raise ValueError("a location belongs to the entity that it lies below: it has to be moved there")
            result["code"] = value["code"]
        else:
            raise ValueError(f"Tryton does not hold {path}, or can't do without it")
    return result


def entity_of(location: Held, conventions: Conventions) -> str:
    """Return the entity of the nearest location whose code is configured; empty = none. Raises UntranslatableError."""
    codes = (each.text("code") for each in lineage.of(location))
    return next((conventions.location_entities[code] for code in codes if code in conventions.location_entities), "")


def _parents(location: Held, entity: str, conventions: Conventions) -> list[HierarchyParent]:
    """Return the parent, with its entity if that is another; one of no entity is none in the eyes of one that has."""
    parent = location.one("parent")
    if parent is None or not parent.text("code"):
        return []
    scope = entity_of(parent, conventions)
    if entity and not scope:
        return []
    hierarchy, code = conventions.location_hierarchy, parent.text("code")
    return [HierarchyParent(hierarchy=hierarchy, parent_code=code, parent_scope=scope if scope != entity else "")]


def _parent(row: Row, value: Value, conventions: Conventions) -> Row | None:
    """Return the parent as it should be: that of before if it says so, else its code, and its scope if that is another.

    Raises ValueError for a scope that would make the location belong to another entity.
    """
    location = Held(row, "location")
    entity = entity_of(location, conventions)
    if value in [_value(each, entity) for each in _parents(location, entity, conventions)]:
        before: Row = row["parent."]
        return before
    if not isinstance(value, Mapping):
        return {"code": value} if value else None
    if row["code"] not in conventions.location_entities:
        raise ValueError("below a location of another entity a location would belong to that")
    return value


def _value(parent: HierarchyParent, entity: str) -> Value:
    """Return what a location says of its parent: its code, and its scope if that is another entity's."""
    if parent.parent_scope in {"", entity}:
        return parent.parent_code
    return {"scope": parent.parent_scope, "code": parent.parent_code}


def _said(content: Location, today: date, conventions: Conventions) -> Iterator[tuple[str, Value]]:
    """Give the values that the content gives, by path; None = Tryton can't hold it."""
    if content.entity or content.code:
        known = not content.entity or content.entity in conventions.location_entities.values()
        yield "identity", {"entity": content.entity, "code": content.code} if known and content.code else None
    if content.kind:
        kind = Location.Kind.Name(content.kind).removeprefix(_KIND)
        yield "kind", kind if kind in conventions.location_kinds.values() else None
    if content.effective_period.HasField("end_date"):
        yield "effective_period", None
    if piece := period.telling(content.slices, today):
        if name := piece.display_name.strip():
            yield "slices.display_name", name
        for parent in piece.parents:
            if parent.hierarchy == conventions.location_hierarchy:
                yield element("slices.parents", parent.hierarchy), _value(parent, content.entity)


def _type(before: str | None, kind: str, conventions: Conventions) -> str:
    """Return a type of this kind, that of before if it is."""
    kinds = conventions.location_kinds
    if before is not None and kinds.get(before) == kind:
        return before
    found = next((each for each, says in kinds.items() if says == kind), None)
    if found is None:
        raise ValueError("no type of Tryton's locations is of this kind")
    return found
