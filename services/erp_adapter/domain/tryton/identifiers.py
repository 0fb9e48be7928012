"""Identifiers of parties and products: typed ones, and untyped ones that begin with their scheme, `DUNS:…`."""

from collections.abc import Iterable, Sequence

from services.erp_adapter.domain.tryton.held import Held, Row, with_child

MARK = "CONCORD"
"""The scheme of the name of the golden record that a row was created for."""


def untyped(rows: Iterable[Held], scheme: str) -> list[Held]:
    """Return the untyped identifiers of a scheme."""
    return [row for row in rows if not row.text("type") and row.text("code").startswith(f"{scheme}:")]


def codes(rows: Iterable[Held], scheme: str) -> list[str]:
    """Return the codes of a scheme, in order, each once; blank ones say nothing."""
    found = (row.text("code").removeprefix(f"{scheme}:").strip() for row in untyped(rows, scheme))
    return list(dict.fromkeys(code for code in found if code))


def only_code(rows: Sequence[Held], scheme: str) -> str:
    """Return the code of a scheme of which a record has at most one. Raises UntranslatableError for a second."""
    found = codes(rows, scheme)
    if len(found) > 1:
        raise untyped(rows, scheme)[-1].refused("code", f"is a second {scheme}; there can be only one")
    return found[0] if found else ""


def is_untyped(row: Row, scheme: str, code: str | None = None) -> bool:
    """Tell whether a row is an identifier of a scheme (with this code)."""
    own, colon, rest = str(row.get("code") or "").strip().partition(":")
    return not row.get("type") and bool(colon) and own == scheme and code in {None, rest.strip()}


def with_code(rows: Sequence[Row], scheme: str, code: object, **new: object) -> list[Row]:
    """Return the rows with this only code of a scheme; None = without. `new` are fields of an added row."""
    fields = {"code": f"{scheme}:{code}"} if code else None
    return with_child(rows, lambda row: is_untyped(row, scheme), fields, new={"type": None, **new})


def with_typed(rows: Sequence[Row], kind: str, code: object) -> list[Row]:
    """Return the rows with this only code of a type; None = without."""
    fields = {"code": code} if code else None
    return with_child(rows, lambda row: row.get("type") == kind, fields, new={"type": kind})
