"""Matching after the key was rotated: RESTRICTED values are compared by tokens, which are then made anew."""

from google.type import date_pb2

from concord.mdm.v1 import employee_pb2
from services.mdm.domain.matching.learning.defaults import default_model
from services.mdm.domain.types.employee import EMPLOYEE
from services.mdm.storage.hub_storage import hub_storage
from services.mdm.storage.writing.write_path import Applied
from services.mesh.records.keys import KeyRing
from services.mesh.records.sealing import Sealer
from tests.support.database.record_service import RING, AuditInMemory, publish_everything
from tests.support.hub.modelling import put_in_force
from tests.support.hub.stored import ORIGIN, TestHub, statement

ROTATED = KeyRing({2: bytes(range(1, 33)), 1: bytes(range(32))})
VERSIONS = "SELECT DISTINCT token_version FROM match_nodes WHERE token_version <> 0"
BEFORE_VERSIONS = "UPDATE match_nodes SET token_version = NULL"
EDGES = "SELECT DISTINCT millibits FROM match_edges"


def rotated(hub: TestHub) -> TestHub:
    """Return the same hub as it starts again with another key."""
    return TestHub(hub.database, hub_storage(hub.database, Sealer(ROTATED), spool_limit=100_000))


def employ(hub: TestHub, key: str, number: str = "123456789") -> str:
    person = employee_pb2.Employee(
        given_name="Ada", family_name="Quirinal", birth_date=date_pb2.Date(year=1980, month=5, day=6)
    )
    if number:
        person.national_ids.add(country="US", scheme="ssn", value=number)
    (answer,) = hub.submit(statement("systems/workforce", key, person))
    assert isinstance(answer, Applied)
    return answer.golden


def test_a_matched_population_is_renewed_piece_by_piece_and_equal_values_are_equal_again(hub: TestHub) -> None:
    put_in_force(hub, EMPLOYEE, default_model(EMPLOYEE))
    for key in "abc":
        employ(hub, key)
    assert hub.rows(VERSIONS) == [(RING.versions[0],)]
    alike = hub.rows(EDGES)
    assert len(alike) == 1
    again = rotated(hub)
    employ(again, "d")
    assert len(again.rows(EDGES)) == 2
    assert sum(iter(lambda: again.parts.rematching.step(ORIGIN, at_once=2), 0)) > 0
    assert again.rows(VERSIONS) == [(2,)]
    assert again.rows(EDGES) == alike


def test_what_search_compares_is_renewed_too(hub: TestHub) -> None:
    employ(hub, "a")
    publish_everything(hub.database, AuditInMemory())
    while hub.parts.search_index.step():
        pass
    assert hub.rows(VERSIONS) == [(RING.versions[0],)]
    again = rotated(hub)
    while again.parts.search_index.step():
        pass
    assert again.rows(VERSIONS) == [(2,)]


def test_what_was_indexed_before_versions_were_kept_is_renewed_once(hub: TestHub) -> None:
    put_in_force(hub, EMPLOYEE, default_model(EMPLOYEE))
    employ(hub, "a", number="")
    hub.parts.transactions.write(lambda connection: connection.exec_driver_sql(BEFORE_VERSIONS))
    assert [hub.parts.rematching.step(ORIGIN) for _ in range(2)] == [1, 0]


def test_what_holds_no_token_is_left_alone(hub: TestHub) -> None:
    put_in_force(hub, EMPLOYEE, default_model(EMPLOYEE))
    employ(hub, "a", number="")
    assert rotated(hub).parts.rematching.step(ORIGIN) == 0
