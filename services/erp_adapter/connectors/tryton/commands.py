"""What to tell Tryton so that a row becomes another: only what differs, children in the same call."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from services.erp_adapter.domain.tryton.held import Row

Refer: TypeAlias = Callable[[str, Row], int]
"""Returns the id of the row that a field refers to, searched by what the row says. Raises TrytonError."""

SHARED = frozenset({"categories"})
"""Fields whose rows belong to no one: they are added and removed, not created and deleted."""

_OWN = frozenset({"id", "_timestamp", "last_modified_at"})


def differences(before: Row, after: Row, refer: Refer) -> dict[str, object]:
    """Return the values for `write` (or, from a blank row, `create`) that make `before` say what `after` says."""
    found: dict[str, object] = {}
    for field, value in after.items():
        if field in _OWN or (field in before and before[field] == value):
            continue
        name = field.removesuffix(".")
        if isinstance(value, list):
            commands = _of_list(name, before.get(field) or [], value, refer)
            if commands:
                found[name] = commands
        elif field.endswith(".") and value is not None:
            found[name] = value["id"] if "id" in value else refer(name, value)
        else:
            found[name] = value
    return found


def timestamps(row: Row, model: str, models: Mapping[str, str]) -> dict[str, object]:
    """Return the context that makes a write conflict when the row or one of its children was changed since.

    `models` are those of the children by the field they are in.
    """
    return {"_timestamp": dict(_timestamps(row, model, models))}


def _of_list(name: str, before: list[Row], after: list[Row], refer: Refer) -> list[tuple[object, ...]]:
    kept = {row["id"]: row for row in after if "id" in row}
    gone = [row["id"] for row in before if row["id"] not in kept]
    new = [row for row in after if "id" not in row]
    commands: list[tuple[object, ...]] = []
    if name in SHARED:
        commands += [("remove", gone)] if gone else []
        commands += [("add", [refer(name, row) for row in new])] if new else []
        return commands
    commands += [("delete", gone)] if gone else []
    for row in before:
        if row["id"] in kept and (changed := differences(row, kept[row["id"]], refer)):
            commands.append(("write", [row["id"]], changed))
    commands += [("create", [differences({}, row, refer) for row in new])] if new else []
    return commands


def _timestamps(row: Row, model: str, models: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if "_timestamp" in row:
        yield f"{model},{row['id']}", row["_timestamp"]
    for field, value in row.items():
        child = models.get(field.removesuffix("."))
        if child is not None and value:
            for each in value if isinstance(value, list) else [value]:
                yield from _timestamps(each, child, models)
