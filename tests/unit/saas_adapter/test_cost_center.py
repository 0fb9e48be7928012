"""What cost centers of the workforce service say, and how they are made to say something."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from google.type.date_pb2 import Date
from hypothesis import given

from concord.mdm.v1.cost_center_pb2 import CostCenter, CostCenterSlice
from concord.mdm.v1.record_pb2 import EffectivePeriod
from services.adapter.domain.delivered import canonical
from services.adapter.systems.connector import Expression, UntranslatableError
from services.mesh.contract.validation import violations
from services.saas_adapter.domain.scim import cost_center
from services.saas_adapter.domain.scim.conventions import Conventions
from tests.unit.saas_adapter.resources import CONVENTIONS, RESOURCES, cost_centers
from tools.demo import catalogue

TODAY = date(2026, 11, 24)
CATALOGUE = catalogue.load()
ICU = {"id": "1", "code": "106010", "displayName": "ICU", "entity": "general", "active": True}


def translated(resource: Mapping[str, Any], conventions: Conventions = CONVENTIONS) -> CostCenter:
    content = cost_center.translate(resource, conventions).content
    assert isinstance(content, CostCenter)
    return content


def expressed(content: CostCenter) -> Expression:
    return cost_center.express(content, TODAY, CONVENTIONS)


@given(RESOURCES)
def test_what_a_resource_says_is_written_into_an_empty_one_and_said_again(resource: Mapping[str, Any]) -> None:
    said = translated(resource)
    values = expressed(said)
    assert values.inexpressible == ()
    assert translated(cost_center.applied({}, values.values, CONVENTIONS)) == said


@given(RESOURCES)
def test_a_resource_made_to_say_what_it_says_goes_on_saying_it_and_keeps_the_rest(resource: Mapping[str, Any]) -> None:
    again = cost_center.applied(resource, expressed(translated(resource)).values, CONVENTIONS)
    assert translated(again) == translated(resource)
    assert (again["id"], again.get("nickName")) == (resource["id"], resource.get("nickName"))


@given(cost_centers(), RESOURCES)
def test_what_a_resource_is_made_to_say_of_a_golden_record_is_read_back(
    golden: CostCenter, resource: Mapping[str, Any]
) -> None:
    wanted = expressed(golden)
    shown = expressed(translated(cost_center.applied(resource, wanted.values, CONVENTIONS))).values
    assert {path: canonical(shown.get(path)) for path in wanted.values} == {
        path: canonical(value) for path, value in wanted.values.items()
    }
    before = expressed(translated(resource)).values
    unwritten = before.keys() - wanted.values.keys()
    assert {path: shown.get(path) for path in unwritten} == {path: before[path] for path in unwritten}


@given(RESOURCES)
def test_what_may_be_taken_away_is_said_no_more(resource: Mapping[str, Any]) -> None:
    said = expressed(translated(resource)).values
    optional = said.keys() - set(cost_center.NEEDED)
    emptied = cost_center.applied(resource, dict.fromkeys(optional), CONVENTIONS)
    assert expressed(translated(emptied)).values.keys() == said.keys() - optional


@pytest.mark.parametrize("row", CATALOGUE.workforce_cost_centers, ids=lambda row: row.code)
def test_every_cost_center_of_the_catalogue_is_said_whole(row: catalogue.WorkforceCostCenter) -> None:
    conventions = Conventions({each.id: f"entities/{each.id}" for each in CATALOGUE.entities})
    resource = {"code": row.code, "displayName": row.name, "manager": row.manager, "department": row.department}
    content = translated({**resource, "entity": row.entity, "active": row.active}, conventions)
    assert violations(content) == []
    [piece] = content.slices
    assert (content.entity, content.code, content.kind) == (
        f"entities/{row.entity}",
        row.code,
        CostCenter.KIND_POSTING,
    )
    assert (piece.display_name, piece.manager, piece.blocked_for_posting) == (row.name, row.manager, not row.active)
    assert [(each.hierarchy, each.parent_code) for each in piece.parents] == [("workforce", row.department)]


def test_the_last_day_is_the_one_before_the_end() -> None:
    said = translated({**ICU, "validTo": "2026-06-30"})
    assert said.effective_period == EffectivePeriod(end_date=Date(year=2026, month=7, day=1))
    assert expressed(said).values["effective_period"] == "2026-06-30"


def test_a_cost_center_that_ended_is_inactive_and_names_its_last_day() -> None:
    period = EffectivePeriod(end_date=Date(year=2026, month=11, day=1))
    golden = CostCenter(effective_period=period, slices=[CostCenterSlice(display_name="ICU", effective_period=period)])
    closed = cost_center.applied(ICU, expressed(golden).values, CONVENTIONS)
    assert closed == {**ICU, "active": False, "validTo": "2026-10-31"}


def test_a_cost_center_that_will_end_stays_active_until_then() -> None:
    period = EffectivePeriod(end_date=Date(year=2026, month=12, day=1))
    piece = CostCenterSlice(effective_period=period, blocked_for_posting=False)
    golden = CostCenter(effective_period=period, slices=[piece])
    assert cost_center.applied(ICU, expressed(golden).values, CONVENTIONS) == {**ICU, "validTo": "2026-11-30"}


def test_an_end_taken_back_reopens() -> None:
    closed = {**ICU, "active": False, "validTo": "2026-10-31"}
    golden = CostCenter(
        effective_period=EffectivePeriod(start_date=Date(year=2014, month=1, day=1)),
        slices=[CostCenterSlice(blocked_for_posting=False)],
    )
    assert cost_center.applied(closed, expressed(golden).values, CONVENTIONS) == ICU


def test_only_what_the_service_holds_is_expressed() -> None:
    piece = CostCenterSlice(display_name="ICU", location="Main Tower", currency_code="USD")
    piece.parents.add(hierarchy="management", parent_code="G10-NURS")
    content = CostCenter(kind=CostCenter.KIND_POSTING, slices=[piece])
    assert expressed(content) == Expression({"slices.display_name": "ICU"})


def test_an_entity_without_a_name_in_the_service_is_inexpressible() -> None:
    assert expressed(CostCenter(entity="entities/elsewhere", code="1")) == Expression({}, ("identity",))


def test_a_department_is_never_written() -> None:
    content = CostCenter(entity="entities/general", code="Lab", kind=CostCenter.KIND_DEPARTMENT)
    content.slices.add(display_name="Lab")
    assert expressed(content) == Expression({})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"code": " "}, "code"),
        ({"code": 106010}, "code"),
        ({"displayName": ["ICU"]}, "displayName"),
        ({"active": "yes"}, "active"),
        ({"entity": "secret-hospital"}, "entity"),
        ({"validTo": "secret-day"}, "validTo"),
        ({"validTo": "2026-02-30"}, "validTo"),
        ({"validTo": "9999-12-31"}, "validTo"),
    ],
)
def test_what_can_not_be_said_is_refused_by_field_and_not_quoted(change: dict[str, Any], field: str) -> None:
    with pytest.raises(UntranslatableError) as caught:
        translated({**ICU, **change})
    assert caught.value.field == field
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("path", ["slices.location", "kind", "slices.parents[management]"])
def test_what_the_service_does_not_hold_can_not_be_written(path: str) -> None:
    with pytest.raises(ValueError, match="does not hold"):
        cost_center.applied(ICU, {path: "x"}, CONVENTIONS)


@pytest.mark.parametrize("path", cost_center.NEEDED)
def test_what_the_service_needs_can_not_be_taken_away(path: str) -> None:
    with pytest.raises(ValueError, match="can't do without"):
        cost_center.applied(ICU, {path: None}, CONVENTIONS)
