"""The options of a Tryton in the systems file."""

import pytest

from services.erp_adapter.connectors.tryton.options import TrytonOptions

TOLD = {"url": "http://127.0.0.1:8000", "database": "erp", "user": "concord", "password_file": "/run/secrets/erp"}


def test_the_least_options_are_enough() -> None:
    options = TrytonOptions.parse("systems/erp", TOLD)
    assert (options.url, options.database, options.company, options.timeout_s) == (TOLD["url"], "erp", "", 30.0)
    conventions = options.conventions
    assert (conventions.system, conventions.hierarchy) == ("erp", "management")
    assert (conventions.location_hierarchy, conventions.account_hierarchy) == ("stock", "chart")
    assert (conventions.ledger, conventions.account_segments) == ("ledgers/erp", None)
    assert conventions.location_kinds == {"warehouse": "WAREHOUSE", "storage": "STORAGE", "view": "GROUP"}


def test_a_table_of_kinds_replaces_the_usual_one() -> None:
    told = {**TOLD, "location_kinds": {"view": "BUILDING"}, "account_segments": "(?P<natural_account>[0-9]+)"}
    conventions = TrytonOptions.parse("systems/erp", told).conventions
    assert conventions.location_kinds == {"view": "BUILDING"}
    assert conventions.account_segments is not None


def test_every_mistake_is_told_at_once() -> None:
    told = {"url": "", "user": 3, "colour": "red", "entities": {"a": "a", "b": "a"}, "timeout_seconds": 0}
    told |= {"location_entities": "x", "location_kinds": {"view": "HUT"}, "account_types": {"Cash": "ASSETS"}}
    told |= {"ledger": "main", "account_segments": "[0-9]+"}
    with pytest.raises(ValueError, match="unknown option") as caught:
        TrytonOptions.parse("systems/erp", told)
    mistakes = str(caught.value).splitlines()
    assert mistakes == [
        "unknown option 'colour'",
        "url must be a text that is not empty",
        "database must be a text that is not empty",
        "user must be a text that is not empty",
        "password_file must be a text that is not empty",
        "location_entities must be a table",
        "entities must give entities/{id} by the name that accounts' notes use",
        "entities must not give one entity two names",
        "location_kinds must give one of AREA, BUILDING, FACILITY, GROUP, ROOM, STORAGE, WAREHOUSE",
        "account_types must give one of ASSET, EQUITY, EXPENSE, LIABILITY, OFF_BALANCE, REVENUE, STATISTICAL",
        "ledger must be ledgers/{id}",
        "account_segments must be a regular expression with named groups",
        "timeout_seconds must be a number above 0",
    ]
