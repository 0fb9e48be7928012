"""Accounts: the chart of accounts of the company."""

from collections.abc import Mapping

from concord.mdm.v1.account_pb2 import Account
from services.adapter.systems.connector import Value
from services.adapter.systems.remote_error import RemoteErrorKind
from services.erp_adapter.connectors.tryton.commands import Refer, differences, timestamps
from services.erp_adapter.connectors.tryton.errors import TrytonError
from services.erp_adapter.connectors.tryton.noun import Noun, Site
from services.erp_adapter.domain.tryton import account, account_type, lineage
from services.erp_adapter.domain.tryton.held import Held, Row

_MODEL, _TYPE = "account.account", "account.account.type"
_NEEDED = {"identity", "slices.display_name"}
_TYPE_FIELDS = (*account_type.FIELDS, *lineage.fields("", "name"))
_OF_TYPE = tuple(f"type.{field}" for field in _TYPE_FIELDS)


def _find(site: Site, golden: Account) -> int | None:
    if golden.ledger != site.conventions.ledger or not golden.account_number:
        return None
    found = _by_code(site, golden.account_number)
    return int(found["id"]) if found else None


def _create(site: Site, _: Account, values: Mapping[str, Value]) -> int:
    missing = _NEEDED - values.keys()
    if not values.get("summary") and "type" not in values:
        missing = missing | {"type"}
    if missing:
        raise TrytonError(RemoteErrorKind.PERMANENT, f"Tryton needs {', '.join(sorted(missing))}")
    after = account.applied(account.BLANK, values, site.conventions)
    row = differences({"parent.": None, "type.": None, "second_currency.": None}, after, _refer(site, after))
    [created] = site.client.create(_MODEL, [{**row, "company": site.company.id}], context=site.context())
    return created


def _update(site: Site, row: Row, values: Mapping[str, Value]) -> None:
    after = account.applied(row, values, site.conventions)
    changes = differences(row, after, _refer(site, after))
    if changes and row["template"]:
        # Else the next update of the chart from its template would undo the change.
        changes["template_override"] = True
    if changes:
        site.client.write(_MODEL, [row["id"]], changes, context=site.context(**timestamps(row, _MODEL, {})))


def _refer(site: Site, after: Row) -> Refer:
    """Look a parent up by its number, and a type by what it says."""

    def refer(field: str, wanted: Row) -> int:
        if field == "type":
            return _type(site, after["parent."], wanted["says"])
        found = _by_code(site, wanted["code"])
        if found is None:
            raise TrytonError(RemoteErrorKind.PERMANENT, "Tryton has no such parent account")
        return int(found["id"])

    return refer


def _type(site: Site, parent: Row | None, says: Value) -> int:
    """Return the type of the parent if that says the same, else the only one that does.

    Raises TrytonError PERMANENT when several do, or none.
    """
    above = _by_code(site, parent["code"]) if parent else None
    kind = above["type."] if above else None
    if kind is not None and _says(site, kind) == says:
        return int(kind["id"])
    domain = [("childs", "=", None), ("company", "=", site.company.id)]
    same = [row for row in site.search(_TYPE, domain, _TYPE_FIELDS) if _says(site, row) == says]
    if len(same) != 1:
        message = f"{len(same)} types of accounts say what the account is to be, not one: a person chooses"
        raise TrytonError(RemoteErrorKind.PERMANENT, message)
    return int(same[0]["id"])


def _says(site: Site, kind: Row) -> str:
    return account_type.name(account_type.of(Held(kind, "account.type"), site.conventions))


def _by_code(site: Site, code: str) -> Row | None:
    """Search an account by its number, which Tryton does not keep unique; give its type, too."""
    rows = site.search(_MODEL, [("code", "=", code), ("company", "=", site.company.id)], ["code", *_OF_TYPE])
    return rows[0] if rows else None


ACCOUNT = Noun(
    model=_MODEL,
    record_type="account",
    message=Account,
    fields=(
        *("code", "name", "closed", "start_date", "end_date", "template", "last_modified_at", "_timestamp"),
        *("parent.code", "second_currency.code", *_OF_TYPE),
    ),
    changed_with=("", "parent", "type"),
    masters=lambda _: [],
    translate=account.translate,
    express=account.express,
    find=_find,
    create=_create,
    update=_update,
)
"""Accounts."""
