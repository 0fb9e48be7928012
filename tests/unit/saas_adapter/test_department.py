"""Departments are made of texts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord.mdm.v1.cost_center_pb2 import CostCenter, CostCenterSlice
from services.adapter.systems.connector import UntranslatableError
from services.mesh.contract.validation import violations
from services.saas_adapter.domain.scim import cost_center, department
from services.saas_adapter.domain.scim.conventions import Conventions
from services.saas_adapter.domain.scim.department import Department
from tests.unit.saas_adapter.resources import CONVENTIONS, SAID
from tools.demo import catalogue

TEXTS = st.builds(Department, entity=st.text(max_size=10).map(str.strip), code=SAID.map(str.strip))


def translated(named: Department, conventions: Conventions = CONVENTIONS) -> CostCenter:
    content = department.translate(json.loads(named.original), conventions).content
    assert isinstance(content, CostCenter)
    return content


@given(TEXTS)
def test_a_department_is_known_by_its_key(named: Department) -> None:
    assert Department.from_key(named.key) == named
    assert len(named.key.encode()) <= 512


def test_a_key_of_something_else_is_no_department() -> None:
    assert Department.from_key("CostCenters/1") is None
    assert Department.from_key("departments/general") is None


def test_what_would_make_too_long_a_key_ends_in_a_digest_and_is_refused() -> None:
    one, other = Department("general", "x" * 600), Department("general", "x" * 601)
    assert one.key != other.key
    assert len(one.key.encode()) <= 512
    with pytest.raises(UntranslatableError, match="more than 64"):
        translated(one)


def test_the_departments_of_all_cost_centers_are_their_parents() -> None:
    rows = catalogue.load()
    conventions = Conventions({each.id: f"entities/{each.id}" for each in rows.entities})
    for row in rows.workforce_cost_centers:
        resource = {"code": row.code, "department": f" {row.department} ", "entity": row.entity}
        named = Department.of(resource, row.entity)
        assert named is not None
        group = translated(named, conventions)
        child = cost_center.translate(resource, conventions).content
        assert isinstance(child, CostCenter)
        assert violations(group) == []
        assert (group.kind, group.entity) == (CostCenter.KIND_DEPARTMENT, child.entity)
        assert child.slices[0].parents[0].parent_code == group.code


def test_a_text_that_is_the_code_of_a_department_in_the_erp_is_that_department() -> None:
    named = Department.of({"department": "G10-NURS "}, "general")
    assert named is not None
    assert translated(named) == CostCenter(
        entity="entities/general",
        code="G10-NURS",
        kind=CostCenter.KIND_DEPARTMENT,
        slices=[CostCenterSlice(display_name="G10-NURS")],
    )


@pytest.mark.parametrize("resource", [{}, {"department": None}, {"department": "  "}])
def test_no_text_is_no_department(resource: dict[str, object]) -> None:
    assert Department.of(resource, "general") is None


def test_a_department_of_an_unknown_entity_is_refused() -> None:
    with pytest.raises(UntranslatableError) as caught:
        translated(Department("elsewhere", "Lab"))
    assert caught.value.field == "entity"
