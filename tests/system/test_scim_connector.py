"""The suite that every connector passes, on a real SCIM service, and what reading one is like."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest

from concord.mdm.v1.cost_center_pb2 import CostCenter
from services.adapter.systems.connector import Value
from services.saas_adapter.connectors.scim.cursor import Cursor
from services.saas_adapter.connectors.scim.reading import OVERLAP
from tests.support.adapter.connector_suite import ConnectorSuite, Subject
from tests.support.systems.scim_workforce import CATALOGUE, ENTITIES, Workforce, golden_record, running


@pytest.fixture(scope="module")
def workforce(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workforce]:
    with running(tmp_path_factory.mktemp("workforce"), CATALOGUE) as workforce:
        yield workforce


class TestCostCenters(ConnectorSuite):
    @pytest.fixture
    def subject(self, workforce: Workforce) -> Subject:
        changes: dict[str, Value] = {
            "slices.display_name": "Intensive care",
            "slices.parents[workforce]": "General - Critical Care",
            "slices.blocked_for_posting": True,
            "effective_period": "2026-06-30",
        }
        return Subject(
            connector=workforce.connector,
            record_type="cost_center",
            key=workforce.new(validTo="2030-12-31"),
            changes=changes,
            new_golden=golden_record(uuid4().hex[:8]),
            edit=lambda key: workforce.edit(key, manager=uuid4().hex),
        )


def test_every_cost_center_and_department_of_the_catalogue_is_read(workforce: Workforce) -> None:
    contents = [workforce.translated(each) for key, each in workforce.pull()[0].items() if not _is_user(key)]
    by_code = {(content.entity, content.code): content for content in contents}
    for row in CATALOGUE.workforce_cost_centers:
        content = by_code[ENTITIES[row.entity], row.code]
        assert (content.slices[0].display_name, content.slices[0].manager) == (row.name, row.manager)
        department = by_code[ENTITIES[row.entity], content.slices[0].parents[0].parent_code]
        assert (department.kind, department.code) == (CostCenter.KIND_DEPARTMENT, row.department)
    assert not [key for key, count in Counter(map(repr, by_code)).items() if count > 1]


def test_pulling_the_same_again_says_the_same(workforce: Workforce) -> None:
    first, cursor = workforce.pull()
    again, later = workforce.pull(cursor)
    everything, _ = workforce.pull(later, full=True)
    told = [{key: workforce.connector.translate(each) for key, each in read.items()} for read in (everything, first)]
    assert told[0] == told[1]
    assert again.items() <= first.items()
    assert Cursor.decode(later).known == first.keys()


def test_a_round_looks_back_only_so_far(workforce: Workforce) -> None:
    key = workforce.new()
    changed = workforce.current(key).source_time
    for age, found in ((OVERLAP - timedelta(seconds=1), True), (OVERLAP + timedelta(seconds=1), False)):
        assert (key in workforce.pull(Cursor(since=changed + age).encode())[0]) == found


def test_a_round_given_up_goes_on_in_the_middle_and_still_tells_what_is_gone(
    workforce: Workforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.saas_adapter.connectors.scim.reading.PAGE", 50)
    key = workforce.new()
    everything, cursor = workforce.pull()
    workforce.remove("/CostCenters", key.partition("/")[2])
    batches = workforce.connector.pull(cursor, full=True)
    read = {each.key for each in next(batches).documents}
    halfway = next(batches)
    read |= {each.key for each in halfway.documents}
    rest, last = workforce.pull(halfway.cursor)
    assert rest.keys() - {each.key for each in halfway.documents} < everything.keys()
    assert read | rest.keys() == everything.keys()
    assert [gone for gone, each in rest.items() if each.deleted] == [key]
    assert key not in Cursor.decode(last).known


def test_what_was_deleted_is_told_once_by_a_full_pull(workforce: Workforce) -> None:
    key = workforce.new(department="Night shift")
    _, cursor = workforce.pull()
    workforce.remove("/CostCenters", key.partition("/")[2])
    found, cursor = workforce.pull(cursor, full=True)
    assert {gone for gone, each in found.items() if each.deleted} == {key, "departments/general/Night shift"}
    assert workforce.connector.translate(found[key]).content == CostCenter()
    assert workforce.connector.current([key, "departments/general/Night shift"]) == {
        key: None,
        "departments/general/Night shift": None,
    }
    assert not [each for each in workforce.pull(cursor, full=True)[0].values() if each.deleted]


def test_a_department_that_only_users_name_stands_in_the_entity_they_work_for(workforce: Workforce) -> None:
    _, cursor = workforce.pull()
    key = "departments/fernhollow/Play therapy"
    code = workforce.code(workforce.new(entity="fernhollow"))
    user = workforce.new_user(code, "Play therapy")
    found, _ = workforce.pull(cursor)
    assert workforce.translated(found[key]).entity == "entities/fernhollow"
    assert workforce.current(key) == found[key]
    workforce.remove("/Users", user)
    assert workforce.connector.current([key]) == {key: None}


def test_a_department_of_users_without_cost_center_has_no_entity(workforce: Workforce) -> None:
    workforce.new_user("no such code", "Volunteers")
    assert workforce.translated(workforce.pull()[0]["departments//Volunteers"]).entity == ""


def _is_user(key: str) -> bool:
    return key.startswith("Users/")
