"""Cost centers and departments: analytic accounts."""

from collections.abc import Mapping

from concord.mdm.v1.cost_center_pb2 import CostCenter
from services.adapter.systems.connector import Value
from services.adapter.systems.remote_error import RemoteErrorKind
from services.erp_adapter.connectors.tryton import references
from services.erp_adapter.connectors.tryton.commands import Refer, differences, timestamps
from services.erp_adapter.connectors.tryton.errors import TrytonError
from services.erp_adapter.connectors.tryton.noun import Noun, Site
from services.erp_adapter.domain.tryton import cost_center, note
from services.erp_adapter.domain.tryton.held import Held, Row

_MODEL = "analytic_account.account"
_NEEDED = {"identity", "slices.display_name", "kind"}


def _find(site: Site, golden: CostCenter) -> int | None:
    return _by_code(site, golden.code, site.conventions.entity_name(golden.entity)) if golden.code else None


def _create(site: Site, _: CostCenter, values: Mapping[str, Value]) -> int:
    if missing := _NEEDED - values.keys():
        raise TrytonError(RemoteErrorKind.PERMANENT, f"Tryton needs {', '.join(sorted(missing))}")
    after = cost_center.applied(cost_center.BLANK, values, site.conventions)
    # A new account may not be closed before it was opened, and is given the place that every account needs.
    root = site.only(_MODEL, [("type", "=", "root")], "root account")
    row = differences({"parent.": None}, after, _refer(site, after))
    row |= {"company": site.company.id, "root": root, "parent": row.get("parent") or root}
    [created] = site.client.create(_MODEL, [row], context=site.context())
    return created


def _update(site: Site, row: Row, values: Mapping[str, Value]) -> None:
    after = cost_center.applied(row, values, site.conventions)
    changes = differences(row, after, _refer(site, after))
    if "parent" in changes:
        changes["parent"] = changes["parent"] or row["root"]
    context = site.context(**timestamps(row, _MODEL, {}))
    if changes.pop("active", None):
        # A row that is not active can't be changed, not even by the call that activates it.
        site.client.write(_MODEL, [row["id"]], {"active": True}, context=context)
        context = site.context()
    if changes:
        site.client.write(_MODEL, [row["id"]], changes, context=context)


def _refer(site: Site, account: Row) -> Refer:
    """Look a parent up by its code within the account's entity, unless it names another scope."""
    own = note.read(Held({"note": account["note"]}, "account")).get(note.ENTITY)

    def refer(field: str, wanted: Row) -> int:
        if field != "parent":
            return references.by_value(site, field, wanted)
        entity = site.conventions.entity_name(wanted["scope"]) if "scope" in wanted else own
        found = _by_code(site, wanted["code"], entity)
        if found is None:
            raise TrytonError(RemoteErrorKind.PERMANENT, "Tryton has no such parent account")
        return found

    return refer


def _by_code(site: Site, code: str, entity: str | None) -> int | None:
    """Search an account by its code, which Tryton does not keep unique, within an entity."""
    rows = site.search(_MODEL, [("code", "=", code)], ["note"])
    same = [row for row in rows if note.read(Held(row, "account")).get(note.ENTITY) == entity]
    return int(same[0]["id"]) if same else None


ANALYTIC_ACCOUNT = Noun(
    model=_MODEL,
    record_type="cost_center",
    message=CostCenter,
    fields=(
        *("code", "name", "type", "state", "note", "active", "root", "last_modified_at", "_timestamp"),
        *("parent.code", "parent.note", "currency.code"),
    ),
    changed_with=("", "parent"),
    masters=lambda _: [("type", "in", ["root", "view", "normal"])],
    translate=cost_center.translate,
    express=cost_center.express,
    find=_find,
    create=_create,
    update=_update,
)
"""Cost centers and departments."""
