"""The catalogue's employees as users of the workforce SaaS."""

from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tools.demo.catalogue import WorkforceUser

USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE_SCHEMA = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
WORKFORCE_SCHEMA = "urn:saltmarsh:params:scim:schemas:extension:workforce:1.0:User"

_ONE_DAY = timedelta(days=1)


def resource(row: WorkforceUser) -> dict[str, Any]:
    """Return the user without its manager, whose id is only known when both are there."""
    work = {"employeeNumber": row.employee_number, "costCenter": row.cost_center, "department": row.department}
    return {
        "schemas": [USER_SCHEMA, ENTERPRISE_SCHEMA, WORKFORCE_SCHEMA],
        "userName": row.user_name,
        "displayName": f"{row.given_name} {row.family_name}",
        "name": {"givenName": row.given_name, "familyName": row.family_name},
        "emails": [{"value": row.email, "type": "work", "primary": True}],
        "phoneNumbers": [{"value": row.phone, "type": "work", "primary": True}],
        "title": row.title,
        "userType": row.user_type,
        "active": row.active,
        ENTERPRISE_SCHEMA: {name: value for name, value in work.items() if value},
        WORKFORCE_SCHEMA: {
            **_days(hireDate=row.hire_date, endDate=row.end_date),
            "assignments": list(_assignments(row)),
            "shiftDifferentials": list(_differentials(row)),
        },
    }


def _assignments(row: WorkforceUser) -> Iterator[dict[str, Any]]:
    first, start, end = row.cost_center, row.second_from, row.second_to
    if row.share is None:
        yield {"costCenter": first}
        return
    if start:
        yield {"costCenter": first, **_days(validTo=start - _ONE_DAY)}
    for code, share in ((first, row.share), (row.second_cost_center, 1 - row.share)):
        yield {"costCenter": code, **_share(share), **_days(validFrom=start, validTo=end)}
    if end:
        yield {"costCenter": first, **_days(validFrom=end + _ONE_DAY)}


def _differentials(row: WorkforceUser) -> Iterator[dict[str, Any]]:
    if row.night_percent is not None:
        yield {"code": "night", "percentage": str(row.night_percent)}
    if row.weekend_amount is not None:
        yield {"code": "weekend", "hourlyAmount": str(row.weekend_amount), "currency": "USD"}


def _share(share: Fraction) -> dict[str, int]:
    return {"numerator": share.numerator, "denominator": share.denominator}


def _days(**days: date | None) -> dict[str, str]:
    return {name: day.isoformat() for name, day in days.items() if day}
