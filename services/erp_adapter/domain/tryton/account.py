"""Accounts ↔ `account.account`, the chart of accounts of a company.

An account is a snapshot: what it says of name, parent, currency and posting holds always, as far as Tryton knows; its
start and end date say when there is such an account at all.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from concord.mdm.v1.account_pb2 import Account, AccountSegment, AccountSlice
from concord.mdm.v1.cost_center_pb2 import HierarchyParent
from services.adapter.systems.connector import Expression, Translation, Value
from services.erp_adapter.domain.path import element
from services.erp_adapter.domain.tryton import account_type, period
from services.erp_adapter.domain.tryton.conventions import Conventions
from services.erp_adapter.domain.tryton.held import Held, Row

BLANK: Row = {
    "code": None,
    "name": None,
    "closed": False,
    "start_date": None,
    "end_date": None,
    "parent.": None,
    "type.": None,
    "second_currency.": None,
}
"""An account before anything is said of it."""


def translate(row: Row, conventions: Conventions) -> Translation:
    """Return an account as the hub's. Raises UntranslatableError."""
    account = Held(row, "account")
    code, kind, currency = account.text("code"), account.one("type"), account.one("second_currency")
    if not code:
        raise account.refused("code", "is empty: others refer to an account by its number")
    piece = AccountSlice(
        display_name=account.text("name"),
        blocked_for_posting=account.flag("closed"),
        currency_code=currency.text("code") if currency else "",
        parents=_parents(account, conventions),
    )
    content = Account(
        ledger=conventions.ledger,
        account_number=code,
        segments=_segments(account, conventions) if kind else (),
        type=account_type.of(kind, conventions) if kind else Account.TYPE_UNSPECIFIED,
        summary=kind is None,
        effective_period=period.of(account.day("start_date"), account.day("end_date")),
        slices=[piece],
    )
    return Translation("account", content, label=code)


def express(content: Account, today: date, conventions: Conventions) -> Expression:
    """Return what an account of Tryton's can say of an account on a day.

    Not written: segments, which are the number's; the currency, on which Tryton has rules of its own.
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
    """Return an account as it should be when it says these values; the others stay. None = to be emptied.

    Raises ValueError for what an account can't do without.
    """
    result: dict[str, Any] = dict(row)
    for path, value in values.items():
        if path == "slices.display_name" and value:
            result["name"] = value
        elif path == "slices.blocked_for_posting":
            result["closed"] = bool(value)
        elif path == element("slices.parents", conventions.account_hierarchy):
            before = row["parent."]
            result["parent."] = before if before and before["code"] == value else {"code": value} if value else None
        elif path == "effective_period":
            said = value if isinstance(value, Mapping) else {}
            result |= {"start_date": _day(said.get("first_day")), "end_date": _day(said.get("last_day"))}
        elif path == "identity" and isinstance(value, Mapping):
            result["code"] = value["code"]
        elif path == "type" and value:
            result["type."] = _type(row["type."], value, conventions)
        elif path == "summary":
            result["type."] = None if value else result["type."]
        else:
            raise ValueError(f"Tryton does not hold {path}, or can't do without it")
    if values.get("summary") is False and result["type."] is None:
        raise ValueError("Tryton needs a type for an account that is posted to")
    return result


def _said(content: Account, today: date, conventions: Conventions) -> Iterator[tuple[str, Value]]:
    """Give the values that the content gives, by path; None = Tryton can't hold it."""
    if content.ledger or content.account_number:
        known = content.account_number and content.ledger == conventions.ledger
        yield "identity", {"ledger": content.ledger, "code": content.account_number} if known else None
    if content.HasField("summary"):
        yield "summary", content.summary
    if content.type:
        yield "type", None if content.summary else account_type.name(content.type)
    if content.effective_period.ListFields():
        yield "effective_period", period.days(content.effective_period)
    if piece := period.telling(content.slices, today):
        if name := piece.display_name.strip():
            yield "slices.display_name", name
        if piece.HasField("blocked_for_posting"):
            yield "slices.blocked_for_posting", piece.blocked_for_posting
        for parent in piece.parents:
            if parent.hierarchy == conventions.account_hierarchy:
                own = parent.parent_scope in {"", content.ledger}
                yield element("slices.parents", parent.hierarchy), parent.parent_code if own else None


def _segments(account: Held, conventions: Conventions) -> list[AccountSegment]:
    """Return the segments of the number of an account that is posted to. Raises UntranslatableError."""
    if conventions.account_segments is None:
        return []
    found = conventions.account_segments.fullmatch(account.text("code"))
    if found is None:
        raise account.refused("code", "does not consist of the segments that are configured")
    return [AccountSegment(name=name, value=value) for name, value in found.groupdict().items() if value]


def _parents(account: Held, conventions: Conventions) -> list[HierarchyParent]:
    parent = account.one("parent")
    if parent is None or not parent.text("code"):
        return []
    return [HierarchyParent(hierarchy=conventions.account_hierarchy, parent_code=parent.text("code"))]


def _type(before: Row | None, says: Value, conventions: Conventions) -> Row:
    if before is not None and account_type.name(account_type.of(Held(before, "account.type"), conventions)) == says:
        return before
    return {"says": says}


def _day(value: Value) -> date | None:
    return date.fromisoformat(str(value)) if value else None
