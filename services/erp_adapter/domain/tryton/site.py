"""Sites of suppliers ↔ `party.address`.

A site's code is in the address's contact mechanism `SITE:…` of type `other` when the hub made it, its location number
in `GLN:…` (addresses can have no untyped identifiers). An address that Tryton's users entered has the system's id and
its own number for a code, such as `erp.17`.
"""

from collections.abc import Mapping, Sequence

from google.type.postal_address_pb2 import PostalAddress

from concord.mdm.v1.party_pb2 import SupplierSite
from services.adapter.connector import Value
from services.erp_adapter.domain.tryton.conventions import Conventions
from services.erp_adapter.domain.tryton.held import Held, Row, is_active, with_child

_PURPOSES = {
    "delivery": SupplierSite.PURPOSE_ORDER_FROM,
    "invoice": SupplierSite.PURPOSE_REMIT_TO,
}
"""The flag of an address by what it says."""

_CODE, _GLN = "SITE", "GLN"

# Parts of a postal address that Tryton has no field for.
_UNKNOWN = ("sorting_code", "sublocality", "recipients", "organization")


def translate(address: Held, conventions: Conventions) -> SupplierSite:
    """Return an address as a site. Raises UntranslatableError."""
    told = [each.row for each in address.many("contact_mechanisms")]
    country, subdivision = address.one("country"), address.one("subdivision")
    region = country.text("code") if country else ""
    area = subdivision.text("code").removeprefix(f"{region}-") if subdivision else ""
    postal = PostalAddress(
        region_code=region,
        administrative_area=area,
        locality=address.text("city"),
        postal_code=address.text("postal_code"),
        address_lines=_lines(address.text("street").splitlines()),
    )
    return SupplierSite(
        code=_told(told, _CODE) or _default_code(address.row, conventions),
        purposes=[purpose for flag, purpose in _PURPOSES.items() if address.flag(flag)],
        gln=_told(told, _GLN),
        address=postal if postal.ListFields() else None,
    )


def express(site: SupplierSite) -> Mapping[str, Value] | None:
    """Return what an address says of a site; None = Tryton can't hold it."""
    postal = site.address
    if any(getattr(postal, field) for field in _UNKNOWN) or (postal.administrative_area and not postal.region_code):
        return None
    return {
        "street": "\n".join(_lines(postal.address_lines)),
        "city": postal.locality.strip(),
        "postal_code": postal.postal_code.strip(),
        "country": postal.region_code,
        "area": postal.administrative_area.strip(),
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
        told = _telling((), _CODE, code, party)
        result.append({"contact_mechanisms.": told, "country.": None, "subdivision.": None})
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
        "contact_mechanisms.": _telling(row["contact_mechanisms."], _GLN, value["gln"], party),
    }


def _kept(before: Row | None, wanted: Row | None) -> Row | None:
    return before if before and wanted and before["code"] == wanted["code"] else wanted


def _kept_text(before: str | None, wanted: Value) -> Value:
    return before if (before or "").strip() == wanted else wanted


def _code(row: Row, conventions: Conventions) -> str:
    return _told(row["contact_mechanisms."], _CODE) or _default_code(row, conventions)


def _default_code(row: Row, conventions: Conventions) -> str:
    return f"{conventions.system}.{row.get('id')}"


def _told(rows: Sequence[Row], scheme: str) -> str:
    """Return what the first mechanism of a scheme says."""
    return next((str(each["value"])[len(scheme) + 1 :].strip() for each in rows if _is_told(each, scheme)), "")


def _telling(rows: Sequence[Row], scheme: str, value: Value, party: int) -> list[Row]:
    fields = {"value": f"{scheme}:{value}"} if value else None
    return with_child(rows, lambda row: _is_told(row, scheme), fields, new={"type": "other", "party": party})


def _is_told(row: Row, scheme: str) -> bool:
    return is_active(row) and row.get("type") == "other" and str(row.get("value")).startswith(f"{scheme}:")


def _lines(lines: Sequence[str]) -> list[str]:
    """Return the lines that say something."""
    return [part.strip() for line in lines for part in line.splitlines() if part.strip()]
