"""What is booked on an account: Tryton's types of accounts, by their names or by their flags."""

from collections.abc import Mapping

from concord.mdm.v1.account_pb2 import Account
from services.erp_adapter.domain.tryton import lineage
from services.erp_adapter.domain.tryton.conventions import Conventions
from services.erp_adapter.domain.tryton.held import Held

FIELDS = ("name", "statement", "assets", "receivable", "stock", "payable", "debt", "revenue", "expense")
"""What is read of a type; of the types above it, the name."""

_PREFIX = "TYPE_"
_FLAGS: Mapping[str, Mapping[str, Account.Type.ValueType]] = {
    "balance": {
        "assets": Account.TYPE_ASSET,
        "receivable": Account.TYPE_ASSET,
        "stock": Account.TYPE_ASSET,
        "payable": Account.TYPE_LIABILITY,
        "debt": Account.TYPE_LIABILITY,
    },
    "income": {"revenue": Account.TYPE_REVENUE, "expense": Account.TYPE_EXPENSE},
}
"""Types by the flags that count on a statement; Tryton has no flag for equity, and need not set any."""


def of(kind: Held, conventions: Conventions) -> Account.Type.ValueType:
    """Return the type that the conventions give the nearest name, else the one that all flags say, else none.

    Raises UntranslatableError.
    """
    for each in lineage.of(kind):
        if (said := conventions.account_types.get(each.text("name"))) is not None:
            return Account.Type.Value(f"{_PREFIX}{said}")
    statement = kind.text("statement")
    if statement == "off-balance":
        return Account.TYPE_OFF_BALANCE
    found = {says for flag, says in _FLAGS.get(statement, {}).items() if kind.flag(flag)}
    return found.pop() if len(found) == 1 else Account.TYPE_UNSPECIFIED


def name(said: Account.Type.ValueType) -> str:
    """Return a type's name as the conventions write it."""
    return Account.Type.Name(said).removeprefix(_PREFIX)
