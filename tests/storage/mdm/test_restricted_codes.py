"""Matching by national numbers that nobody may read: tokens tell slips, and what was indexed before is renewed."""

from dataclasses import replace

import pytest

from concord.mdm.v1 import employee_pb2
from services.mdm.domain.matching.learning.defaults import default_model
from services.mdm.domain.matching.measuring.population_scores import Scoring
from services.mdm.domain.matching.standardising import profile as profiles
from services.mdm.domain.matching.standardising.code_token import Token, token_of_all
from services.mdm.domain.matching.standardising.profile import matching_of, profile
from services.mdm.domain.types.employee import EMPLOYEE
from services.mdm.storage.hub_storage import hub_storage
from services.mdm.storage.matching import search_index
from services.mdm.storage.writing.write_path import Applied
from tests.support.database.record_service import AuditInMemory, publish_everything
from tests.support.hub.modelling import put_in_force
from tests.support.hub.stored import ORIGIN, TestHub, statement

NUMBER, SLIP, ANOTHER = "123456789", "123546789", "731948526"
EDGES = "SELECT millibits FROM match_edges"
STORED = "SELECT convert_from(profile, 'UTF8') FROM match_nodes ORDER BY source_record"
GOLDENS = "SELECT DISTINCT golden FROM crosswalk"


def person(number: str) -> employee_pb2.Employee:
    found = employee_pb2.Employee(given_name="Ada", family_name="Quirinal")
    found.national_ids.add(country="US", scheme="ssn", value=number)
    return found


def employ(hub: TestHub, key: str, number: str) -> str:
    (answer,) = hub.submit(statement("systems/workforce", key, person(number)))
    assert isinstance(answer, Applied)
    return answer.golden


def stored(hub: TestHub) -> list[str]:
    return [str(text) for (text,) in hub.rows(STORED)]


def index(hub: TestHub) -> None:
    publish_everything(hub.database, AuditInMemory())
    while hub.parts.search_index.step():
        pass


def upgraded(hub: TestHub) -> TestHub:
    """Return the same hub as it starts again."""
    return TestHub(hub.database, hub_storage(hub.database, hub.parts.store.sealer, spool_limit=100_000))


@pytest.fixture
def earlier(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The declaration and the index of a release that knew no tokens of pairs, until undone."""

    def plain(code: str, token: Token) -> str:
        return token(code, "match")

    monkeypatch.setattr(profiles, "code_token", plain)
    monkeypatch.setitem(vars(EMPLOYEE), "matching", replace(matching_of(EMPLOYEE), version=1))
    monkeypatch.setattr(search_index, "_DECLARATIONS", "employee/1")
    return monkeypatch


def test_ingest_weighs_a_slip_as_bulk_matching_does_and_links_by_it(hub: TestHub) -> None:
    model = default_model(EMPLOYEE)
    put_in_force(hub, EMPLOYEE, model)
    one, other = employ(hub, "a", NUMBER), employ(hub, "b", SLIP)
    assert one == other
    token = hub.parts.store.sealer.token
    known = {number: profile(EMPLOYEE, person(number), token) for number in (NUMBER, SLIP)}
    ((edge,),) = Scoring(model, known).edges(10)
    assert hub.rows(EDGES) == [(edge.millibits,)]
    assert employ(hub, "c", ANOTHER) != one


def test_nothing_of_a_number_is_stored_but_tokens(hub: TestHub) -> None:
    put_in_force(hub, EMPLOYEE, default_model(EMPLOYEE))
    employ(hub, "a", NUMBER)
    (text,) = stored(hub)
    assert not any(part in text for part in ("1234", "2345", "3456", "4567", "5678", "6789"))


def test_a_model_of_the_earlier_declaration_decides_no_more_and_the_next_renews_what_was_indexed(
    hub: TestHub, earlier: pytest.MonkeyPatch
) -> None:
    put_in_force(hub, EMPLOYEE, default_model(EMPLOYEE))
    one, other = employ(hub, "a", NUMBER), employ(hub, "b", SLIP)
    before = stored(hub)
    assert one != other
    earlier.undo()
    hub = upgraded(hub)
    assert hub.parts.transactions.read(hub.parts.registry.read).models == {}
    put_in_force(hub, EMPLOYEE, default_model(EMPLOYEE))
    assert sum(iter(lambda: hub.parts.rematching.step(ORIGIN), 0)) == 2
    assert [token_of_all(text) == text for text in (*before, *stored(hub))] == [True, True, False, False]
    assert len(hub.rows(GOLDENS)) == 1


def test_what_search_compares_is_renewed_from_the_feed_after_an_upgrade(
    hub: TestHub, earlier: pytest.MonkeyPatch
) -> None:
    employ(hub, "a", NUMBER)
    index(hub)
    before = stored(hub)
    earlier.undo()
    index(upgraded(hub))
    assert [token_of_all(text) == text for text in (*before, *stored(hub))] == [True, False]
