"""Postal addresses and what is told of them in contact mechanisms of type `other`, such as `GLN:…`."""

from collections.abc import Sequence

from google.type.postal_address_pb2 import PostalAddress

from services.erp_adapter.domain.tryton.held import Held, Row, is_active

GLN = "GLN"
"""The scheme of an address's location number; addresses can have no untyped identifiers."""


def postal(address: Held) -> PostalAddress | None:
    """Return the postal address; None = the row says nothing."""
    country, subdivision = address.one("country"), address.one("subdivision")
    region = country.text("code") if country else ""
    area = subdivision.text("code").removeprefix(f"{region}-") if subdivision else ""
    found = PostalAddress(
        region_code=region,
        administrative_area=area,
        locality=address.text("city"),
        postal_code=address.text("postal_code"),
        address_lines=lines(address.text("street").splitlines()),
    )
    return found if found.ListFields() else None


def lines(parts: Sequence[str]) -> list[str]:
    """Return the lines that say something."""
    return [line.strip() for part in parts for line in part.splitlines() if line.strip()]


def told(mechanisms: Sequence[Row], scheme: str) -> str:
    """Return what the first mechanism of a scheme says."""
    return next((str(row["value"])[len(scheme) + 1 :].strip() for row in mechanisms if tells(row, scheme)), "")


def tells(mechanism: Row, scheme: str) -> bool:
    """Tell whether a mechanism is of a scheme."""
    is_other = is_active(mechanism) and mechanism.get("type") == "other"
    return is_other and str(mechanism.get("value")).startswith(f"{scheme}:")
