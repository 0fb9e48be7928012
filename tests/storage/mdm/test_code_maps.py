"""Golden records behind code maps: always what sources and maps make, whatever happens on the way."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from concord.mdm.v1 import ingest_pb2, item_pb2
from concord.mdm.v1 import reference_data_pb2 as pb
from services.mdm.domain.codes.coding import coded
from services.mdm.domain.survivorship.golden import survive
from services.mdm.domain.types.item import ITEM
from services.mdm.storage.hub_storage import hub_storage
from services.mdm.storage.records.working_set import read_statement
from services.mdm.storage.reference_data.recoding import Recoding
from services.mdm.storage.schema import MIGRATIONS
from services.mdm.transport.writing.submissions import SubmissionCheck
from services.mesh.records.sealing import Sealer
from services.mesh.records.store import Revision, State
from tests.support.database.databases import Databases, MigratedDatabase
from tests.support.database.record_service import RING
from tests.support.hub.codes import keep_map, listed, say_item, unit_of, work_off
from tests.support.hub.stored import ORIGIN, STEWARD, TestHub, decision, statement, test_hub
from tests.support.waiting import eventually
from tools.guarded_process import GuardedProcess

ERP, LEGACY = "systems/erp", "systems/legacy"
MANY = 60
CHUNK = 5


@pytest.fixture(scope="module")
def shared(databases: Databases) -> Iterator[TestHub]:
    """One hub for all random histories: what must hold, holds however they add up."""
    with test_hub(databases) as hub:
        keep_units(hub)
        yield hub


def keep_units(hub: TestHub) -> None:
    hub.parts.reference_data.create_list(listed(), decision(listed()))


def run(hub: TestHub) -> tuple[object, ...]:
    (found,) = hub.rows("SELECT visited, changed, finished_at IS NOT NULL FROM code_map_runs")
    return found


def recoder(database: MigratedDatabase, directory: Path) -> GuardedProcess:
    command = [sys.executable, "-m", "tests.support.processes.recoder", database.service.url, str(CHUNK)]
    return GuardedProcess.start(command, log=directory / "recoder.log")


def test_a_run_that_is_killed_in_the_middle_goes_on_and_does_nothing_twice(
    databases: Databases, tmp_path: Path
) -> None:
    with databases.cloned(MIGRATIONS) as migrated, migrated.opened() as database:
        hub = TestHub(database, hub_storage(database, Sealer(RING), spool_limit=100_000))
        hub.register()
        keep_units(hub)
        names = [say_item(hub, ERP, f"{number:02d}", "CA") for number in range(MANY)]
        keep_map(hub, ERP, {"CA": "CS"})
        eventually(hub.parts.recoding.step)
        with database.transaction() as holding:
            hub.parts.store.lock(holding, [names[MANY // 2]])
            with recoder(migrated, tmp_path) as killed:
                eventually(lambda: run(hub)[0] == MANY // 2)
                killed.kill()
        assert run(hub) == (MANY // 2, MANY // 2, False)
        assert [unit_of(hub, name) for name in (names[0], names[-1])] == ["CS", "CA"]
        with recoder(migrated, tmp_path):
            eventually(lambda: run(hub)[2])
        assert run(hub) == (MANY, MANY, True)
        assert {unit_of(hub, name) for name in names} == {"CS"}
        assert hub.rows("SELECT DISTINCT revision FROM records WHERE record_type = 'item'") == [(2,)]
        largest = "SELECT max(count) FROM (SELECT count(*) FROM changes WHERE record_type = 'item' GROUP BY xid) AS n"
        assert hub.rows(largest) == [(CHUNK,)]


def test_a_writer_that_read_the_maps_before_the_change_leaves_nothing_behind(hub: TestHub) -> None:
    keep_units(hub)
    said = statement(ERP, "late", item_pb2.Item(display_name="late", base_unit="CA"))
    offer = SubmissionCheck(hub.parts.transactions.read(hub.parts.registry.read), STEWARD).offer(said)
    with hub.database.transaction() as connection:
        (applied,) = hub.parts.intake.take_in(connection, [offer], ORIGIN)
        keep_map(hub, ERP, {"CA": "CS"})
        assert not hub.parts.recoding.step()
        assert not hub.parts.recoding.step()
    work_off(hub)
    assert unit_of(hub, applied.golden) == "CS"  # type: ignore[union-attr]


def test_a_map_that_changes_during_its_run_makes_the_run_begin_again(hub: TestHub) -> None:
    keep_units(hub)
    names = [say_item(hub, ERP, str(number), unit) for number, unit in enumerate(["CA", "KT", "CA", "KT"])]
    recoding = Recoding(hub.parts.transactions, hub.parts.store, hub.parts.registry, chunk=1)
    keep_map(hub, ERP, {"CA": "CS"})
    eventually(recoding.step)
    recoding.step()
    assert [unit_of(hub, name) for name in names] == ["CS", "KT", "CA", "KT"]
    keep_map(hub, ERP, {"CA": "CS", "KT": "BX"})
    work_off(hub)
    assert [unit_of(hub, name) for name in names] == ["CS", "BX", "CS", "BX"]
    keep_map(hub, ERP, {"CA": "EA", "KT": "EA"})
    work_off(hub)
    assert [unit_of(hub, name) for name in names] == ["EA", "EA", "EA", "EA"]
    assert run(hub) == (4, 4, True)


def test_a_run_waits_while_much_waits_for_the_audit(hub: TestHub) -> None:
    keep_units(hub)
    say_item(hub, ERP, "1", "CA")
    keep_map(hub, ERP, {"CA": "CS"})
    parts = hub.parts
    assert not Recoding(parts.transactions, parts.store, parts.registry, most_waiting=3).step()
    eventually(Recoding(parts.transactions, parts.store, parts.registry).step)


def test_a_map_that_is_retired_lets_its_systems_codes_through_and_is_forgotten(hub: TestHub) -> None:
    keep_units(hub)
    names = [say_item(hub, ERP, str(number), unit) for number, unit in enumerate(["CA", "EA", "KT"])]
    keep_map(hub, ERP, {"CA": "CS", "EA": "EA"})
    work_off(hub)
    keep_map(hub, ERP, None)
    work_off(hub)
    assert [unit_of(hub, name) for name in names] == ["CA", "EA", "KT"]
    # EA looks as it did; KT is not marked any more.
    assert run(hub) == (3, 2, True)
    assert hub.rows("SELECT 1 FROM coded_values") == []
    operations = "SELECT state FROM revisions WHERE record_type = 'code_map' ORDER BY revision"
    assert [state for (state,) in hub.rows(operations)] == [State.ACTIVE, State.DELETED]
    keep_map(hub, ERP, {"KT": "BX"})
    work_off(hub)
    assert [unit_of(hub, name) for name in names] == ["CA", "EA", "BX"]
    assert hub.rows("SELECT revision, state FROM records WHERE record_type = 'code_map'") == [(3, State.ACTIVE)]


def test_a_writer_that_read_a_map_before_it_retired_leaves_nothing_behind(hub: TestHub) -> None:
    keep_units(hub)
    keep_map(hub, ERP, {"CA": "CS"})
    work_off(hub)
    said = statement(ERP, "late", item_pb2.Item(display_name="late", base_unit="CA"))
    offer = SubmissionCheck(hub.parts.transactions.read(hub.parts.registry.read), STEWARD).offer(said)
    with hub.database.transaction() as connection:
        (applied,) = hub.parts.intake.take_in(connection, [offer], ORIGIN)
        keep_map(hub, ERP, None)
        assert not hub.parts.recoding.step()
    work_off(hub)
    assert unit_of(hub, applied.golden) == "CA"  # type: ignore[union-attr]
    assert hub.rows("SELECT 1 FROM coded_values") == []


def test_a_map_that_retires_during_its_run_makes_the_run_look_at_everything(hub: TestHub) -> None:
    keep_units(hub)
    names = [say_item(hub, ERP, str(number), unit) for number, unit in enumerate(["CA", "KT", "CA"])]
    keep_map(hub, ERP, {"CA": "CS", "KT": "CS"})
    work_off(hub)
    keep_map(hub, ERP, {"CA": "CS", "KT": "BX"})
    keep_map(hub, ERP, None)
    work_off(hub)
    assert [unit_of(hub, name) for name in names] == ["CA", "KT", "CA"]


def test_records_without_a_mapped_source_cost_nothing_and_stay_as_they_are(hub: TestHub) -> None:
    keep_units(hub)
    keep_map(hub, ERP, {"CA": "CS"})
    name = say_item(hub, LEGACY, "1", "CA")
    work_off(hub)
    assert unit_of(hub, name) == "CA"
    assert hub.rows("SELECT 1 FROM coded_values") == []
    assert hub.rows("SELECT record, revision FROM records WHERE record_type = 'item'") == [(name, 1)]


codes = st.sampled_from(["CA", "KT", "CS", "EA"])
a_map = st.none() | st.dictionaries(codes, st.sampled_from(["CS", "EA"]))
steps = st.lists(
    st.tuples(st.just("say"), st.sampled_from([ERP, LEGACY]), st.tuples(st.sampled_from("123"), codes, st.booleans()))
    | st.tuples(st.just("map"), st.sampled_from([ERP, LEGACY]), a_map)
    | st.tuples(st.just("run"), st.just(""), st.just(())),
    max_size=8,
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps)
def test_every_golden_record_is_what_its_sources_and_the_maps_make(
    shared: TestHub, history: list[tuple[str, str, Any]]
) -> None:
    hub = shared
    for kind, system, what in history:
        if kind == "say":
            key, unit, deleted = what
            # Both systems say the same thing under one part number: their records are one.
            content = item_pb2.Item(manufacturer_name="M", manufacturer_part_number=key, base_unit=unit)
            content.trade_items.add(unit=unit, udi_di="x")
            hub.submit(statement(system, key, content, deleted=deleted))
        elif kind == "map":
            if what is not None or system in {each.system for each in _maps(hub)}:
                keep_map(hub, system, what)
        else:
            hub.parts.recoding.step()
    work_off(hub)
    _require_golden_as_made(hub)


def _maps(hub: TestHub) -> list[pb.CodeMap]:
    return hub.parts.transactions.read(lambda c: hub.parts.reference_data.every(c, pb.CodeMap, None))


def _require_golden_as_made(hub: TestHub) -> None:
    """What is stored is what the sources and the maps of now make, and what is not mapped waits in the list."""
    waiting = set()
    with hub.database.reading() as connection:
        landscape = hub.parts.registry.read(connection)
        for golden, linked in _families(hub).items():
            sources = [_said(hub, revision) for revision in hub.parts.store.read(connection, linked).values()]
            coding = coded(ITEM, sources, landscape.code_maps)
            waiting |= {(each.source_record, each.code) for each in coding.translations if not each.applied}
            survived = survive(ITEM, coding.statements, landscape.trust())
            if survived is not None:
                newest = hub.parts.reader.read(connection, [golden], None)[golden]
                assert hub.parts.store.content(newest, ITEM.message) == survived.content
            for revision in hub.parts.store.history(connection, golden):
                _require_explained(hub, connection, revision)
    assert set(hub.rows("SELECT source_record, code FROM coded_values WHERE NOT applied")) == waiting


def _families(hub: TestHub) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for golden, source in hub.rows("SELECT golden, source_record FROM crosswalk"):
        found.setdefault(str(golden), []).append(str(source))
    return found


def _said(hub: TestHub, revision: Revision) -> ingest_pb2.SourceRecord:
    return read_statement(hub.parts.store, revision, ITEM, hub.parts.store.content(revision, ITEM.message))


def _require_explained(hub: TestHub, connection: Connection, revision: Revision) -> None:
    """A revision is explained by what it names, the maps of its time among them."""
    content = hub.parts.store.content(revision, item_pb2.Item)
    explanation = hub.parts.reader.explain(connection, ITEM, revision)
    shown = {value.path: value.winner.value for value in explanation.values}
    if shown:
        assert shown["packs"] == f'{{"base_unit": "{content.base_unit}"}}'
        traded = {path for path in shown if path.startswith("trade_items")}
        assert traded == {f"trade_items[{each.unit}]" for each in content.trade_items}
