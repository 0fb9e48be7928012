"""Sites of suppliers ↔ `party.address`.

A site's code is in the address's contact mechanism `SITE:…` of type `other` when the hub made it, its location number
in `GLN:…` (addresses can have no untyped identifiers). An address that Tryton's users entered has the system's id and
its own number for a code, such as `erp.17`.
"""

from collections.abc import Mapping, Sequence

from concord.mdm.v1.party_pb2 import SupplierSite
from services.adapter.systems.connector import Value
from services.erp_adapter.domain.tryton.address import GLN, lines, postal, tells, told
from services.erp_adapter.domain.tryton.conventions import Conventions
from services.erp_adapter.domain.tryton.held import Held, Row, is_active, with_child

_PURPOSES = {
    "delivery": SupplierSite.PURPOSE_ORDER_FROM,
    "invoice": SupplierSite.PURPOSE_REMIT_TO,
}
"""The flag of an address by what it says."""

_CODE = "SITE"

# Parts of a postal address that Tryton has no field for.
_UNKNOWN = ("sorting_code", "sublocality", "recipients", "organization")


def translate(address: Held, conventions: Conventions) -> SupplierSite:
    """Return an address as a site. Raises UntranslatableError."""
    mechanisms = [each.row for each in address.many("contact_mechanisms")]
    return SupplierSite(
        code=told(mechanisms, _CODE) or _default_code(address.row, conventions),
        purposes=[purpose for flag, purpose in _PURPOSES.items() if address.flag(flag)],
        gln=told(mechanisms, GLN),
        address=postal(address),
    )


def express(site: SupplierSite) -> Mapping[str, Value] | None:
    """Return what an address says of a site; None = Tryton can't hold it."""
    said = site.address
    if any(getattr(said, field) for field in _UNKNOWN) or (said.administrative_area and not said.region_code):
        return None
    return {
        "street": "\n".join(lines(said.address_lines)),
        "city": said.locality.strip(),
        "postal_code": said.postal_code.strip(),
        "country": said.region_code,
        "area": said.administrative_area.strip(),
        "gln": site.gln,
        **{flag: purpose in site.purposes for flag, purpose in _PURPOSES.items()},
    }


def applied(addresses: Sequence[Row], code: str, value: Value, party: int, conventions: Conventions) -> list[Row]:
    """Return a party's addresses with the site as given; a site that is none any more is deactivated, not deleted."""
    result = list(addresses)
    place = next((n for n, row in enumerate(result) if is_active(row) and _code(row, conventions) == code), None)
    if not isinstance(value, Mapping):
        if place is not None:
            result[place] = {**result[place], "active": False}
        return result
    if place is None:
        mechanisms = _telling((), _CODE, code, party)
        result.append({"contact_mechanisms.": mechanisms, "country.": None, "subdivision.": None})
        place = -1
    result[place] = _with(result[place], value, party)
    return result


def _with(row: Row, value: Mapping[str, Value], party: int) -> Row:
    country, area = value["country"], value["area"]
    subdivision = {"code": f"{country}-{area}"} if area else None
    return {
        **row,
        **{field: _kept_text(row.get(field), value[field]) for field in ("street", "city", "postal_code")},
        **{flag: value[flag] for flag in _PURPOSES},
        "country.": _kept(row.get("country."), {"code": country} if country else None),
        "subdivision.": _kept(row.get("subdivision."), subdivision),
        "contact_mechanisms.": _telling(row["contact_mechanisms."], GLN, value["gln"], party),
    }


def _kept(before: Row | None, wanted: Row | None) -> Row | None:
    return before if before and wanted and before["code"] == wanted["code"] else wanted


def _kept_text(before: str | None, wanted: Value) -> Value:
    return before if (before or "").strip() == wanted else wanted


def _code(row: Row, conventions: Conventions) -> str:
    return told(row["contact_mechanisms."], _CODE) or _default_code(row, conventions)


def _default_code(row: Row, conventions: Conventions) -> str:
    return f"{conventions.system}.{row.get('id')}"


def _telling(rows: Sequence[Row], scheme: str, value: Value, party: int) -> list[Row]:
    fields = {"value": f"{scheme}:{value}"} if value else None
    return with_child(rows, lambda row: tells(row, scheme), fields, new={"type": "other", "party": party})
