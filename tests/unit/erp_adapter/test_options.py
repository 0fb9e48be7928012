"""The options of a Tryton in the systems file."""

import pytest

from services.erp_adapter.connectors.tryton.options import TrytonOptions

TOLD = {"url": "http://127.0.0.1:8000", "database": "erp", "user": "concord", "password_file": "/run/secrets/erp"}


def test_the_least_options_are_enough() -> None:
    options = TrytonOptions.parse("systems/erp", TOLD)
    assert (options.url, options.database, options.company, options.timeout_s) == (TOLD["url"], "erp", "", 30.0)
    assert (options.conventions.system, options.conventions.hierarchy) == ("erp", "management")


def test_every_mistake_is_told_at_once() -> None:
    told = {"url": "", "user": 3, "colour": "red", "entities": {"a": "a", "b": "a"}, "timeout_seconds": 0}
    with pytest.raises(ValueError, match="unknown option") as caught:
        TrytonOptions.parse("systems/erp", told)
    mistakes = str(caught.value).splitlines()
    assert mistakes == [
        "unknown option 'colour'",
        "url must be a text that is not empty",
        "database must be a text that is not empty",
        "user must be a text that is not empty",
        "password_file must be a text that is not empty",
        "entities must give entities/{id} by the name that accounts' notes use",
        "entities must not give one entity two names",
        "timeout_seconds must be a number above 0",
    ]
