"""Golden records follow what decides them: rules that are promoted, trust ranks that change."""

from datetime import timedelta

from concord.mdm.v1 import pin_pb2, supplier_pb2
from services.mdm.domain.types.supplier import SUPPLIER
from services.mdm.storage.hub_storage import hub_storage
from services.mdm.storage.stewardship.pins import Asked
from services.mdm.storage.survivorship.reevaluation import Reevaluation
from services.mdm.storage.writing.write_path import Applied
from services.mesh.records.sealing import Sealer
from tests.support.database.record_service import RING
from tests.support.hub.ruling import Criterion, enact, rule, settle, trust, work_off
from tests.support.hub.stored import A_DAY, TestHub, decision, statement

DUNS = ("100000001", "100000002", "100000003")
BY_RECENCY = rule("legal_name", Criterion.CRITERION_RECENCY)


def plant(hub: TestHub, count: int = 3) -> list[str]:
    """Have the ERP say "Erp", and the less trusted legacy system later "Legacy", of each of some suppliers."""
    said = []
    for number, duns in enumerate(DUNS[:count]):
        for days, (system, name) in enumerate((("erp", "Erp"), ("legacy", "Legacy"))):
            content = supplier_pb2.Supplier(legal_name=name, duns=duns)
            at = A_DAY + timedelta(days=days)
            said.append(statement(f"systems/{system}", f"{system}-{number}", content, at=at))
    answers = hub.submit(*said)
    return sorted({answer.golden for answer in answers if isinstance(answer, Applied)})


def names(hub: TestHub, goldens: list[str]) -> list[str]:
    return [hub.supplier(name).legal_name for name in goldens]


def revisions(hub: TestHub, goldens: list[str]) -> list[int]:
    return [hub.supplier(name).revision for name in goldens]


def standing(hub: TestHub) -> tuple[bool, int, int]:
    """Return whether the pass over suppliers is finished, how many it looked at and how many changed."""
    found = hub.parts.transactions.read(lambda connection: hub.parts.reevaluation.standing(connection, SUPPLIER))
    assert found is not None
    return found.finished, found.examined, found.changed


def test_survivorship_is_not_skipped_from_the_second_record_on(hub: TestHub) -> None:
    enact(hub, "supplier", BY_RECENCY)
    goldens = plant(hub)
    assert names(hub, goldens) == ["Legacy"] * 3
    content = supplier_pb2.Supplier(legal_name="Erp again", duns=DUNS[0])
    hub.submit(
        statement("systems/erp", "erp-0", content, at=A_DAY + timedelta(days=5)),
        statement("systems/erp", "erp-1", supplier_pb2.Supplier(legal_name="x", duns=DUNS[1]), at=A_DAY),
    )
    assert sorted(names(hub, goldens)) == ["Erp again", "Legacy", "Legacy"]


def test_golden_records_are_rebuilt_when_rules_change(hub: TestHub) -> None:
    goldens = plant(hub)
    settle(hub)
    assert names(hub, goldens) == ["Erp"] * 3
    enact(hub, "supplier", BY_RECENCY)
    assert standing(hub)[0] is False
    settle(hub)
    assert names(hub, goldens) == ["Legacy"] * 3
    assert standing(hub) == (True, 3, 3)
    enact(hub, "supplier")
    settle(hub)
    assert names(hub, goldens) == ["Erp"] * 3
    # Every revision names the rules that it was made by.
    settle(hub)
    assert standing(hub) == (True, 3, 3)


def test_golden_records_are_rebuilt_when_a_trust_rank_changes(hub: TestHub) -> None:
    goldens = plant(hub)
    settle(hub)
    trust(hub, "systems/legacy", 5)
    settle(hub)
    assert names(hub, goldens) == ["Legacy"] * 3
    before = revisions(hub, goldens)
    trust(hub, "systems/legacy", 6)
    settle(hub)
    assert (names(hub, goldens), revisions(hub, goldens)) == (["Legacy"] * 3, before)


def test_what_was_decided_by_a_rank_that_is_back_where_it_was_is_decided_anew(hub: TestHub) -> None:
    settle(hub)
    rank = hub.parts.transactions.read(hub.parts.registry.read).systems["systems/legacy"].trust_rank
    trust(hub, "systems/legacy", 5)
    goldens = plant(hub)
    assert names(hub, goldens) == ["Legacy"] * 3
    trust(hub, "systems/legacy", rank)
    settle(hub)
    assert names(hub, goldens) == ["Erp"] * 3


def test_a_new_system_lets_nothing_be_decided_anew(hub: TestHub) -> None:
    plant(hub)
    settle(hub)
    landscape = hub.parts.transactions.read(hub.parts.registry.read)
    system = landscape.systems["systems/legacy"]
    system.name = "systems/new"
    hub.parts.registrations.create_system(system, decision(system))
    settle(hub)
    assert standing(hub) == (True, 3, 0)


def test_a_pass_that_broke_off_goes_on_behind_its_last_chunk(hub: TestHub) -> None:
    goldens = plant(hub)
    settle(hub)
    enact(hub, "supplier", BY_RECENCY)
    first = Reevaluation(hub.parts.transactions, hub.parts.store, hub.parts.registry, chunk=1)
    while standing(hub)[1] < 1:
        first.step()
    assert standing(hub) == (False, 1, 1)
    assert names(hub, goldens) == ["Legacy", "Erp", "Erp"]
    parts = hub_storage(hub.database, Sealer(RING), spool_limit=100_000)
    other = TestHub(hub.database, parts)
    settle(other)
    assert names(other, goldens) == ["Legacy"] * 3
    assert standing(other) == (True, 3, 3)


def test_a_change_in_the_middle_of_a_pass_begins_it_anew(hub: TestHub) -> None:
    goldens = plant(hub)
    settle(hub)
    enact(hub, "supplier", BY_RECENCY)
    first = Reevaluation(hub.parts.transactions, hub.parts.store, hub.parts.registry, chunk=1)
    while standing(hub)[1] < 1:
        first.step()
    enact(hub, "supplier")
    settle(hub)
    assert names(hub, goldens) == ["Erp"] * 3
    assert standing(hub) == (True, 3, 1)


def test_a_pass_waits_for_writers_that_may_still_know_the_old_rules(hub: TestHub) -> None:
    goldens = plant(hub)
    settle(hub)
    with hub.database.transaction() as writer:
        hub.parts.registry.read(writer)
        enact(hub, "supplier", BY_RECENCY)
        work_off(hub)
        assert standing(hub) == (False, 0, 0)
    settle(hub)
    assert (standing(hub), names(hub, goldens)) == ((True, 3, 3), ["Legacy"] * 3)


def test_a_pin_is_overtaken_when_rules_move_what_it_beat(hub: TestHub) -> None:
    golden = plant(hub, 1)[0]
    settle(hub)
    value = supplier_pb2.Supplier(legal_name="Pinned")
    etag, until = hub.supplier(golden).etag, A_DAY.replace(year=2100)
    made = hub.parts.pins.pin(Asked(SUPPLIER, golden, etag, "legal_name", value, "T-17", until), decision(value))
    enact(hub, "supplier", BY_RECENCY)
    settle(hub)
    assert hub.supplier(golden).legal_name == "Legacy"
    found = hub.parts.transactions.read(lambda connection: hub.parts.pins.find(connection, made.name, None))
    assert hub.parts.pins.present(found, clear=True).state == pin_pb2.Pin.STATE_OVERTAKEN
