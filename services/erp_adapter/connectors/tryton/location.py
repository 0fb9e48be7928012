"""Locations: stock locations of the types that are places of the organisation."""

from collections.abc import Mapping

from concord.mdm.v1.location_pb2 import Location
from services.adapter.systems.connector import Value
from services.adapter.systems.remote_error import RemoteErrorKind
from services.erp_adapter.connectors.tryton.commands import Refer, differences, timestamps
from services.erp_adapter.connectors.tryton.errors import TrytonError
from services.erp_adapter.connectors.tryton.noun import Domain, Noun, Site
from services.erp_adapter.domain.tryton import lineage, location
from services.erp_adapter.domain.tryton.conventions import Conventions
from services.erp_adapter.domain.tryton.held import Held, Row

_MODEL = "stock.location"
_NEEDED = {"identity", "slices.display_name", "kind"}


def _masters(conventions: Conventions) -> Domain:
    return [("type", "in", sorted(conventions.location_kinds))]


def _find(site: Site, golden: Location) -> int | None:
    return _by_code(site, golden.code, golden.entity) if golden.code else None


def _create(site: Site, golden: Location, values: Mapping[str, Value]) -> int:
    if missing := _NEEDED - values.keys():
        raise TrytonError(RemoteErrorKind.PERMANENT, f"Tryton needs {', '.join(sorted(missing))}")
    after = location.applied(location.BLANK, values, site.conventions)
    row = differences({"parent.": None, "address.": None}, after, _refer(site, golden.entity))
    row["parent"] = row.get("parent") or _top(site, golden.entity)
    [created] = site.client.create(_MODEL, [row], context=site.context())
    return created


def _update(site: Site, row: Row, values: Mapping[str, Value]) -> None:
    after = location.applied(row, values, site.conventions)
    entity = location.entity_of(Held(row, "location"), site.conventions)
    changes = differences(row, after, _refer(site, entity))
    if "parent" in changes and changes["parent"] is None:
        changes["parent"] = _top(site, entity)
    if changes:
        site.client.write(_MODEL, [row["id"]], changes, context=site.context(**timestamps(row, _MODEL, {})))


def _refer(site: Site, entity: str) -> Refer:
    """Look a parent up by its code within an entity, unless it names another scope."""

    def refer(_: str, wanted: Row) -> int:
        found = _by_code(site, wanted["code"], wanted.get("scope", entity))
        if found is None:
            raise TrytonError(RemoteErrorKind.PERMANENT, "Tryton has no such parent location")
        return found

    return refer


def _top(site: Site, entity: str) -> int | None:
    """Return the location that stands for an entity, below which its others lie; None for what is in no entity."""
    codes = (code for code, each in site.conventions.location_entities.items() if each == entity)
    found = [row for code in codes if (row := _by_code(site, code, entity)) is not None]
    if entity and not found:
        raise TrytonError(RemoteErrorKind.PERMANENT, "Tryton has no location that stands for the entity")
    return found[0] if found else None


def _by_code(site: Site, code: str, entity: str) -> int | None:
    """Search an active location by its code, which Tryton does not keep unique, within an entity."""
    domain = [*_masters(site.conventions), ("code", "=", code), ("active", "=", True)]
    rows = site.search(_MODEL, domain, ["code", *lineage.fields("", "code")])
    same = [row for row in rows if location.entity_of(Held(row, "location"), site.conventions) == entity]
    return int(same[0]["id"]) if same else None


LOCATION = Noun(
    model=_MODEL,
    record_type="location",
    message=Location,
    fields=(
        *("code", "name", "type", "active", "last_modified_at", "_timestamp", *lineage.fields("", "code")),
        *("address.street", "address.city", "address.postal_code", "address.last_modified_at"),
        *("address.country.code", "address.subdivision.code"),
        *(f"address.contact_mechanisms.{name}" for name in ("type", "value", "active", "last_modified_at")),
    ),
    changed_with=("", "parent", "address", "address.contact_mechanisms"),
    masters=_masters,
    is_gone=lambda row: row.get("active") is False,
    translate=location.translate,
    express=location.express,
    find=_find,
    create=_create,
    update=_update,
)
"""Locations; one that is not active any more is gone."""
