"""The options of a SCIM service in the systems file."""

import pytest

from services.saas_adapter.connectors.scim.options import ScimOptions

TOLD = {"url": "http://127.0.0.1:8000/v2", "token_file": "/run/secrets/scim"}


def test_the_least_options_are_enough() -> None:
    options = ScimOptions.parse(TOLD)
    assert (options.url, str(options.token_file), options.timeout_s) == (TOLD["url"], TOLD["token_file"], 30.0)
    assert (options.conventions.hierarchy, options.conventions.entities) == ("workforce", {})


def test_every_option_counts() -> None:
    entities = {"general": "entities/general"}
    options = ScimOptions.parse({**TOLD, "hierarchy": "management", "entities": entities, "timeout_seconds": 2})
    assert options.timeout_s == 2
    assert options.conventions.parent_path == "slices.parents[management]"
    assert options.conventions.entity_name("entities/general") == "general"


def test_what_user_types_mean_is_told_by_the_options() -> None:
    types, classes = {"Agency": "agency"}, {"Agency": "staffing"}
    told = {**TOLD, "worker_types": types, "contractor_classifications": classes, "workforce_extension": "urn:x"}
    conventions = ScimOptions.parse(told).conventions
    assert (conventions.worker_types, conventions.contractor_classifications) == (types, classes)
    assert conventions.workforce_extension == "urn:x"


def test_mistakes_about_user_types_are_told() -> None:
    types, classes = {"Agency": "agent", "Own": "employee"}, {"Own": "staffing"}
    with pytest.raises(ValueError, match="worker_types") as caught:
        ScimOptions.parse({**TOLD, "worker_types": types, "contractor_classifications": classes})
    assert str(caught.value).splitlines() == [
        "worker_types must give one of employee, contractor, agency by userType",
        "contractor_classifications names 'Own', which worker_types does not make contractor or agency",
    ]
    with pytest.raises(ValueError, match="must give codes"):
        ScimOptions.parse({**TOLD, "contractor_classifications": 7})


def test_every_mistake_is_told_at_once() -> None:
    told = {"url": "", "colour": "red", "hierarchy": "a[b]", "entities": {"a": "a", "b": "a"}, "timeout_seconds": True}
    with pytest.raises(ValueError, match="unknown option") as caught:
        ScimOptions.parse(told)
    assert str(caught.value).splitlines() == [
        "unknown option 'colour'",
        "url must be a text that is not empty",
        "token_file must be a text that is not empty",
        "hierarchy must be a small letter and up to 63 small letters, digits, `-` and `_`",
        "entities must give entities/{id} by the name that cost centers use",
        "entities must not give one entity two names",
        "timeout_seconds must be a number above 0",
    ]
