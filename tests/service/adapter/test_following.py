"""Both ways over real channels with the real hub: once, without echo, without laundering, whatever is killed."""

import threading
import uuid

import psycopg
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from concord.adapter.v1.adapter_pb2 import (
    ListDeliveriesRequest,
    ListSystemStatesRequest,
    PauseSystemRequest,
    SyncSystemRequest,
    SystemState,
)
from concord.mdm.v1 import erasure_pb2, ingest_pb2, supplier_pb2
from concord.mdm.v1.record_pb2 import Explanation
from services.adapter.synchronising.election import Election
from services.adapter.systems.remote_error import RemoteError, RemoteErrorKind
from services.adapter.systems.systems_file import DeliveryMode
from services.mesh.telemetry import Telemetry, TelemetrySettings
from tests.support.adapter.fake_connector import FakeSystem
from tests.support.adapter.served import ERP, ServedAdapter, served_adapter
from tests.support.database.databases import Databases
from tests.support.database.inspection import revisions_without_change
from tests.support.hub.served import Client, ServedHub
from tests.support.waiting import eventually


def test_documents_become_source_records_and_golden_records(running: ServedAdapter, steward: Client) -> None:
    found = _lookup(steward, "vendor/1")
    assert (found.legal_name, found.phone, found.website) == ("Acme", "1", "acme.example")
    assert running.system.written == []


def test_a_stewards_correction_reaches_the_system_once_and_changes_no_provenance(
    running: ServedAdapter, steward: Client, system: FakeSystem
) -> None:
    golden = _correct(steward, _lookup(steward, "vendor/1"), legal_name="Acme Corporation")
    eventually(lambda: system.rows["vendor/1"].fields["name"] == "Acme Corporation")
    running.settle()
    before, positions = _explain(steward, golden.name), _newest(running.hub)
    for _ in range(20):
        running.client().SyncSystem(_sync(full=True))
    running.settle()
    assert _explain(steward, golden.name) == before
    assert _newest(running.hub) == positions
    assert [(key, dict(values)) for key, _, values in system.written] == [
        ("vendor/1", {"legal_name": "Acme Corporation"})
    ]
    losing = {value.path: [(each.system, each.value, each.echoed) for each in value.losers] for value in before.values}
    assert losing["legal_name"][0][:2] == (ERP, '"Acme"')


def test_a_golden_record_is_created_in_the_system_and_linked_by_its_delivery(
    databases: Databases, mesh: ServedHub, steward: Client, system: FakeSystem
) -> None:
    with served_adapter(databases, mesh, system, deliver={"supplier": DeliveryMode.CREATE}) as running:
        created = steward.suppliers.CreateSupplier(
            supplier_pb2.CreateSupplierRequest(
                supplier=supplier_pb2.Supplier(legal_name="Newcomer", duns="100000009", entities=["entities/north"]),
                request_id=str(uuid.uuid4()),
            )
        ).supplier
        eventually(lambda: len(system.rows) == 3)
        key = next(key for key in system.rows if "new" in key)
        eventually(lambda: _sources(steward, created.name, key))
        running.settle()
        (source,) = _sources(steward, created.name, key)
        assert source.link_origin == ingest_pb2.SourceRecord.LINK_ORIGIN_DELIVERY
        assert list(source.echo.paths) == ["legal_name"]
        assert len(system.rows) == 3


def test_an_edit_in_the_system_wins_over_a_correction_only_by_the_hubs_decision(
    running: ServedAdapter, steward: Client, system: FakeSystem
) -> None:
    _correct(steward, _lookup(steward, "vendor/1"), legal_name="Acme Corporation")
    eventually(lambda: system.rows["vendor/1"].fields["name"] == "Acme Corporation")
    running.settle()
    system.edit("vendor/1", name="Acme Ltd", phone="2")
    eventually(lambda: _lookup(steward, "vendor/1").phone == "2")
    eventually(lambda: system.rows["vendor/1"].fields["name"] == "Acme Corporation")
    running.settle()
    explained = {value.path: value for value in _explain(steward, _lookup(steward, "vendor/1").name).values}
    assert [each.value for each in explained["legal_name"].losers] == ['"Acme Ltd"']


def test_an_unavailable_system_is_failing_and_loses_nothing(
    running: ServedAdapter, steward: Client, system: FakeSystem
) -> None:
    system.failure = RemoteError(RemoteErrorKind.TRANSIENT, "secret-value-in-the-answer")
    _correct(steward, _lookup(steward, "vendor/1"), phone="555")
    eventually(lambda: running.state().state == SystemState.STATE_FAILING)
    assert "secret-value" not in str(running.state())
    system.failure = None
    eventually(lambda: system.rows["vendor/1"].fields["phone"] == "555")
    eventually(lambda: running.state().state == SystemState.STATE_RUNNING)


def test_an_erased_record_keeps_no_delivery_back(
    running: ServedAdapter, mesh: ServedHub, steward: Client, system: FakeSystem
) -> None:
    golden = _lookup(steward, "vendor/1")
    deleted = steward.suppliers.DeleteSupplier(
        supplier_pb2.DeleteSupplierRequest(name=golden.name, etag=golden.etag, request_id=str(uuid.uuid4()))
    ).supplier
    running.settle()
    mesh.client(subject="officer").erasure.EraseRecord(
        erasure_pb2.EraseRecordRequest(
            name=golden.name, etag=deleted.etag, reason="DSR-4", request_id=str(uuid.uuid4())
        )
    )
    _correct(steward, _lookup(steward, "vendor/2"), phone="77")
    eventually(lambda: system.rows["vendor/2"].fields.get("phone") == "77")
    running.settle()
    assert running.state().state == SystemState.STATE_RUNNING
    assert system.rows["vendor/1"].fields["name"] == "Acme"


def test_a_next_process_goes_on_where_the_last_one_was(
    databases: Databases, running: ServedAdapter, steward: Client, system: FakeSystem
) -> None:
    running.adapter.stop()
    system.edit("vendor/2", phone="77")
    golden = _correct(steward, _lookup(steward, "vendor/1"), phone="88")
    with served_adapter(databases, running.hub, system, database=running.database) as second:
        second.settle()
        eventually(lambda: system.rows["vendor/1"].fields["phone"] == "88")
        assert _lookup(steward, "vendor/2").phone == "77"
        second.settle()
    assert len(system.written) == 1
    assert _explain(steward, golden.name).name == golden.name


def test_of_two_replicas_one_synchronises_until_it_goes(
    databases: Databases, running: ServedAdapter, steward: Client, system: FakeSystem
) -> None:
    with served_adapter(databases, running.hub, system, database=running.database) as standby:
        _correct(steward, _lookup(steward, "vendor/1"), phone="1001")
        eventually(lambda: system.rows["vendor/1"].fields["phone"] == "1001")
        running.adapter.stop()
        _correct(steward, _lookup(steward, "vendor/1"), phone="1002")
        eventually(lambda: system.rows["vendor/1"].fields["phone"] == "1002")
        standby.settle()
    assert len(system.written) == 2


def test_a_pause_that_the_standby_takes_stops_the_writing(
    databases: Databases, running: ServedAdapter, steward: Client, system: FakeSystem
) -> None:
    system.edit("vendor/2", number="000000002", name="Bolt")
    running.settle()
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> None:
        begun.set()
        assert go_on.wait(60)

    with served_adapter(databases, running.hub, system, database=running.database) as standby:
        system.before_write = slowly
        with running.adapter.workers[ERP].exclusively(None):
            for key in ("vendor/1", "vendor/2"):
                _correct(steward, _lookup(steward, key), phone="1003")
            eventually(lambda: _waiting(running) == 2)
        assert begun.wait(60)
        standby.client().PauseSystem(PauseSystemRequest(system=ERP, request_id=str(uuid.uuid4())))
        go_on.set()
        with running.adapter.workers[ERP].exclusively(None):
            assert len(system.written) == 1
            assert _waiting(running) == 1


def _waiting(running: ServedAdapter) -> int:
    outpost = running.adapter.workers[ERP].outpost
    with running.database.reading() as connection:
        return outpost.agenda.depth(connection, outpost.today()).changes


def test_who_lost_the_connection_of_an_election_is_not_elected(running: ServedAdapter) -> None:
    first, second = (Election(running.database, "systems/other") for _ in range(2))
    assert (first.holds(), first.stand(), first.holds(), second.stand()) == (False, True, True, False)
    with running.database.reading() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE '%%synchronises systems/other'"
        )
    eventually(lambda: not first.holds())
    assert (first.stand(), second.stand(), first.stand()) == (False, True, False)
    second.resign()
    assert first.stand()
    first.resign()


def test_a_replica_that_is_not_elected_knows_whose_the_systems_are(
    databases: Databases, running: ServedAdapter, system: FakeSystem
) -> None:
    with served_adapter(databases, running.hub, system, database=running.database) as standby:
        scoped = standby.client(entities=["entities/north"])
        assert [each.system for each in scoped.ListSystemStates(ListSystemStatesRequest()).system_states] == [ERP]
        request = PauseSystemRequest(system=ERP, request_id=str(uuid.uuid4()))
        standby.client().PauseSystem(request)
    with running.database.reading() as connection:
        found = connection.exec_driver_sql("SELECT entities FROM records WHERE record_type = 'system_state'").one()
    assert found[0] == ["entities/north"]


def test_every_revision_of_the_ledger_has_its_evidence(
    running: ServedAdapter, steward: Client, system: FakeSystem
) -> None:
    phone = "+1 847 555 0142"  # too long to be met by chance in a digest or an id
    _correct(steward, _lookup(steward, "vendor/1"), phone=phone)
    eventually(lambda: system.rows["vendor/1"].fields["phone"] == phone)
    eventually(lambda: len(running.client().ListDeliveries(ListDeliveriesRequest()).deliveries) == 1)
    eventually(lambda: len(running.audit.leaves) == 2)  # begun, delivered
    with running.database.reading() as connection:
        assert revisions_without_change(connection) == []
    assert not any(phone.encode() in leaf for leaf in running.audit.leaves)


def test_one_trace_goes_from_the_pull_into_the_hubs_changes(
    databases: Databases, mesh: ServedHub, system: FakeSystem
) -> None:
    spans = InMemorySpanExporter()
    telemetry = Telemetry(TelemetrySettings(access_log=False), "fake_adapter", exporters=[spans])
    with served_adapter(databases, mesh, system, telemetry=telemetry) as running:
        running.settle()
    roots = {
        span.context.trace_id for span in spans.get_finished_spans() if span.name == "pull" and span.parent is None
    }
    traced = mesh.hub.rows("SELECT DISTINCT traceparent FROM changes WHERE record_type = 'source_record'")
    assert traced
    assert {int(str(row[0]).split("-")[1], 16) for row in traced} <= roots


def _lookup(steward: Client, key: str) -> supplier_pb2.Supplier:
    return steward.suppliers.LookupSupplier(supplier_pb2.LookupSupplierRequest(system=ERP, key=key)).supplier


def _correct(steward: Client, golden: supplier_pb2.Supplier, **values: str) -> supplier_pb2.Supplier:
    said = supplier_pb2.Supplier(name=golden.name, **values)  # type: ignore[arg-type]
    request = supplier_pb2.UpdateSupplierRequest(supplier=said, etag=golden.etag, request_id=str(uuid.uuid4()))
    return steward.suppliers.UpdateSupplier(request).supplier


def _explain(steward: Client, name: str) -> Explanation:
    return steward.suppliers.ExplainSupplier(supplier_pb2.ExplainSupplierRequest(name=name)).explanation


def _sources(steward: Client, golden: str, key: str) -> list[ingest_pb2.SourceRecord]:
    page = steward.ingest.ListSourceRecords(ingest_pb2.ListSourceRecordsRequest(system=ERP, golden_record=golden))
    return [source for source in page.source_records if source.key == key]


def _newest(hub: ServedHub) -> object:
    return hub.hub.rows("SELECT count(*) FROM changes")[0][0]


def _sync(*, full: bool = False) -> SyncSystemRequest:
    return SyncSystemRequest(system=ERP, full=full)


class Failing:
    """A database whose connections fail at what nobody expects."""

    def __init__(self) -> None:
        self.closed = 0

    def connect(self, _purpose: str) -> "Failing":
        return self

    def execute(self, *_: object) -> None:
        raise psycopg.InternalError

    def close(self) -> None:
        self.closed += 1


def test_who_did_not_win_an_election_keeps_no_connection() -> None:
    database = Failing()
    election = Election(database, "systems/other")  # type: ignore[arg-type]
    for attempt in (1, 2):
        with pytest.raises(psycopg.InternalError):
            election.stand()
        assert (election.holds(), database.closed) == (False, attempt)
