"""The whole mesh with its real neighbours: evidence, values hidden, corrections out, nothing laundered."""

import json
import os
import subprocess
import uuid

import pytest

from concord.mdm.v1 import (
    account_pb2,
    cost_center_pb2,
    ingest_pb2,
    ingest_pb2_grpc,
    location_pb2,
    supplier_pb2,
    tree_pb2,
)
from services.mesh.calling.client import FixedToken, open_channel
from services.saas_adapter.connectors.scim.rest import ScimClient
from tests.support.database.mesh_databases import SOURCES, MeshDatabases, settled, synchronise
from tests.support.waiting import eventually
from tools.landscape.callers import Hub
from tools.landscape.landscape import Landscape
from tools.landscape.paging import every
from tools.landscape.registrations import ERP, LEDGER, WORKFORCE
from tools.mesh import ERP_ADAPTER, subject_of
from tools.postgres import embedded_binaries

Request = ingest_pb2.SubmitSourceRecordsRequest
Answer = ingest_pb2.SubmitSourceRecordsResponse
SYNCHRONISATIONS = int(os.environ.get("CONCORD_FAULTS_SYNCHRONISATIONS", "10"))
"""Of each of the two systems."""

CONCORD_DATABASES = ("audit", *SOURCES)
_SUPPLIERS_OF_ERP = """
SELECT DISTINCT golden FROM crosswalk WHERE golden LIKE 'suppliers/%' AND system = 'systems/erp'
"""
IN_BOTH = """
SELECT golden FROM crosswalk WHERE golden LIKE 'costCenters/%'
GROUP BY golden HAVING count(DISTINCT system) = 2 ORDER BY golden
"""


def _two_source_supplier(hub: Hub, databases: MeshDatabases) -> supplier_pb2.Supplier:
    shared = "SELECT golden FROM crosswalk WHERE golden LIKE 'suppliers/%' GROUP BY golden HAVING count(*) > 1"
    name = min(databases.rows("mdm", shared))[0]
    return hub.suppliers.GetSupplier(supplier_pb2.GetSupplierRequest(name=name)).supplier


def test_duplicates_with_an_equal_strong_identifier_are_one_golden_record(
    landscape: Landscape, databases: MeshDatabases
) -> None:
    rows = databases.rows("mdm", _SUPPLIERS_OF_ERP)
    suppliers = {golden for (golden,) in rows}
    assert len(suppliers) == _expected_suppliers(landscape)
    assert len(suppliers) < len(landscape.catalogue.suppliers)


def test_cost_centers_of_both_systems_are_one_golden_record_by_entity_and_code(databases: MeshDatabases) -> None:
    assert len(databases.rows("mdm", IN_BOTH)) > 10


@pytest.mark.parametrize("source", SOURCES)
def test_every_revision_has_its_change_row_and_every_change_row_its_evidence(
    databases: MeshDatabases, source: str
) -> None:
    settled(databases)
    missing = "SELECT count(*) FROM revisions r LEFT JOIN changes c USING (record, revision) WHERE c.seq IS NULL"
    assert databases.rows(source, missing) == [(0,)]
    changes = databases.changes(source)
    assert databases.leaves(source) == changes
    assert source != "mdm" or len(changes) > 100


def test_a_correction_reaches_the_erp_and_comes_back_without_laundering(
    landscape: Landscape, hub: Hub, databases: MeshDatabases
) -> None:
    before = _two_source_supplier(hub, databases)
    corrected_name = f"{before.legal_name} (corrected)"
    corrected = hub.suppliers.UpdateSupplier(
        supplier_pb2.UpdateSupplierRequest(
            supplier=supplier_pb2.Supplier(name=before.name, legal_name=corrected_name),
            etag=before.etag,
            request_id=str(uuid.uuid4()),
        )
    ).supplier
    primary = "SELECT key FROM crosswalk WHERE golden = %s AND system = %s ORDER BY source_record"
    party = databases.rows("mdm", primary, before.name, ERP)[0][0].rpartition("/")[2]
    in_tryton = "SELECT name FROM party_party WHERE id = %s"
    eventually(lambda: databases.rows("erp", in_tryton, party) == [(corrected_name,)])
    explained = hub.suppliers.ExplainSupplier(supplier_pb2.ExplainSupplierRequest(name=before.name)).explanation
    settled(databases)
    heads = databases.heads()
    synchronise(landscape, 2)
    settled(databases)
    assert databases.heads() == heads
    again = hub.suppliers.ExplainSupplier(supplier_pb2.ExplainSupplierRequest(name=before.name)).explanation
    assert again.values == explained.values
    now = hub.suppliers.GetSupplier(supplier_pb2.GetSupplierRequest(name=before.name)).supplier
    assert (now.revision, now.legal_name) == (corrected.revision, corrected_name)


def test_the_places_and_accounts_of_the_erp_are_golden_records(landscape: Landscape, hub: Hub) -> None:
    places = {
        (place.entity, place.code): place.slices[0].display_name
        for place in every(hub.locations.ListLocations, location_pb2.ListLocationsRequest(), "locations")
    }
    catalogue = landscape.catalogue
    assert places == {(f"entities/{row.entity}", row.code): row.name for row in catalogue.locations}
    accounts = {
        account.account_number: (account.ledger, account.summary, len(account.segments))
        for account in every(hub.accounts.ListAccounts, account_pb2.ListAccountsRequest(), "accounts")
    }
    assert accounts == {row.code: (LEDGER, not row.type, 2 if row.type else 0) for row in catalogue.accounts}


def test_the_places_of_all_entities_are_one_tree(landscape: Landscape, hub: Hub) -> None:
    request = tree_pb2.GetTreeRequest(record_type="location", hierarchy="stock", scope="entities/saltmarsh")
    nodes = hub.trees.GetTree(request).nodes
    in_erp = {row.code: row.parent_code for row in landscape.catalogue.locations}
    assert {node.key: node.parent_key for node in nodes} == in_erp


def test_the_chart_of_accounts_is_one_tree_of_those_in_effect(landscape: Landscape, hub: Hub) -> None:
    request = tree_pb2.GetTreeRequest(record_type="account", hierarchy="chart", scope=LEDGER)
    request.effective_time.FromJsonString("2026-11-24T12:00:00Z")
    nodes = hub.trees.GetTree(request).nodes
    ended = {row.code for row in landscape.catalogue.accounts if row.valid_to and row.valid_to.year < 2026}
    in_erp = {row.code: row.parent_code for row in landscape.catalogue.accounts if row.code not in ended}
    assert ended
    assert {node.key: node.parent_key for node in nodes} == in_erp


def test_corrected_names_of_a_place_and_an_account_reach_the_erp(hub: Hub, databases: MeshDatabases) -> None:
    place = next(iter(hub.locations.SearchLocations(location_pb2.SearchLocationsRequest(identifier="L10-MT")).hits))
    corrected = location_pb2.Location(name=place.location.name, slices=place.location.slices)
    corrected.slices[0].display_name = "Main Tower, corrected"
    update = location_pb2.UpdateLocationRequest(
        location=corrected, etag=place.location.etag, request_id=str(uuid.uuid4())
    )
    hub.locations.UpdateLocation(update)
    found = next(iter(hub.accounts.SearchAccounts(account_pb2.SearchAccountsRequest(identifier="1010-10")).hits))
    account = account_pb2.Account(name=found.account.name, slices=found.account.slices)
    account.slices[0].blocked_for_posting = True
    change = account_pb2.UpdateAccountRequest(account=account, etag=found.account.etag, request_id=str(uuid.uuid4()))
    hub.accounts.UpdateAccount(change)
    in_tryton = "SELECT name FROM stock_location WHERE code = 'L10-MT'"
    eventually(lambda: databases.rows("erp", in_tryton) == [("Main Tower, corrected",)])
    closed = "SELECT closed FROM account_account WHERE code = '1010-10'"
    eventually(lambda: databases.rows("erp", closed) == [(True,)])


def test_a_closed_cost_center_ends_in_both_systems(landscape: Landscape, hub: Hub, databases: MeshDatabases) -> None:
    name, end = None, "2026-01-01T00:00:00Z"
    staffed = {
        code for row in landscape.catalogue.workforce_users for code in (row.cost_center, row.second_cost_center)
    }
    for (candidate,) in databases.rows("mdm", IN_BOTH):
        found = hub.cost_centers.GetCostCenter(cost_center_pb2.GetCostCenterRequest(name=candidate)).cost_center
        is_free = found.kind == cost_center_pb2.CostCenter.KIND_POSTING and found.code not in staffed
        if is_free and not found.effective_period.HasField("end_date"):
            name, etag = candidate, found.etag
            break
    assert name is not None
    request = cost_center_pb2.CloseCostCenterRequest(name=name, etag=etag, request_id=str(uuid.uuid4()))
    request.effective_time.FromJsonString(end)
    hub.cost_centers.CloseCostCenter(request)
    keys = dict(databases.rows("mdm", "SELECT system, key FROM crosswalk WHERE golden = %s", name))
    account = keys[ERP].rpartition("/")[2]
    state = "SELECT state FROM analytic_account_account WHERE id = %s"
    eventually(lambda: databases.rows("erp", state, account) == [("closed",)])
    eventually(lambda: not _active_in_workforce(landscape, keys[WORKFORCE]))


def test_further_synchronisations_change_nothing(landscape: Landscape, databases: MeshDatabases) -> None:
    synchronise(landscape, 2)
    settled(databases)
    heads = databases.heads()
    deliveries = [databases.rows(source, "SELECT record, revision FROM records ORDER BY 1") for source in SOURCES[1:]]
    synchronise(landscape, SYNCHRONISATIONS)
    settled(databases)
    assert databases.heads() == heads
    assert deliveries == [
        databases.rows(source, "SELECT record, revision FROM records ORDER BY 1") for source in SOURCES[1:]
    ]


def test_one_trace_runs_from_the_pull_through_the_hub_to_the_audit(landscape: Landscape) -> None:
    def traces(service: str, name: str) -> set[str]:
        lines = landscape.mesh.spans(service).read_text().splitlines()
        spans = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return {span["trace_id"] for span in spans if name in span["name"]}

    def through_all() -> set[str]:
        return traces("erp_adapter", "pull") & traces("mdm", "SubmitSourceRecords") & traces("audit", "append leaf")

    eventually(lambda: bool(through_all()))


def test_no_planted_value_lies_in_clear_anywhere(landscape: Landscape, hub: Hub, databases: MeshDatabases) -> None:
    planted = {row.tax_id.replace("-", "") for row in landscape.catalogue.suppliers if row.tax_id}
    planted |= {row.tax_id for row in landscape.catalogue.suppliers if row.tax_id}
    planted -= {"99-9999999", "999999999"}
    planted |= _plant_bank_accounts(landscape, hub)
    assert len(planted) > 20
    settled(databases)
    for database in CONCORD_DATABASES:
        dump = subprocess.run(
            [embedded_binaries() / "pg_dump", landscape.postgres.url(database)], capture_output=True, check=True
        ).stdout
        assert b"COPY public." in dump
        assert _found(planted, dump) == []
    for written in [*landscape.mesh.directory.glob("logs/*"), *landscape.mesh.directory.glob("spans/*")]:
        assert _found(planted, written.read_bytes()) == [], written.name


def _plant_bank_accounts(landscape: Landscape, hub: Hub) -> set[str]:
    """Give a bank account to the hub three ways: by a steward, by a system, and in what is quarantined."""
    decided, said, refused = ("PLANTED0ACCOUNT0STEWARD", "PLANTED0ACCOUNT0SYSTEM", "PLANTED0ACCOUNT0REFUSED")
    supplier = supplier_pb2.Supplier(legal_name="Planted", entities=["entities/saltmarsh"])
    supplier.bank_accounts.add(code="main", account_number=decided, account_holder=f"{decided}0HOLDER")
    hub.suppliers.CreateSupplier(supplier_pb2.CreateSupplierRequest(supplier=supplier, request_id=str(uuid.uuid4())))
    answers = _submit_as_erp(landscape, _with_account("planted/1", said), _with_account("planted/2", refused, lei="x"))
    assert [answer.outcome for answer in answers] == [Answer.OUTCOME_CREATED, Answer.OUTCOME_QUARANTINED]
    return {decided, said, refused}


def _with_account(key: str, account: str, lei: str = "") -> ingest_pb2.SourceRecord:
    content = supplier_pb2.Supplier(legal_name="Planted", lei=lei)
    content.bank_accounts.add(code="main", account_number=account)
    record = ingest_pb2.SourceRecord(system=ERP, key=key)
    record.content.Pack(content)
    record.source_time.GetCurrentTime()
    return record


def _submit_as_erp(landscape: Landscape, *records: ingest_pb2.SourceRecord) -> list[Answer]:
    token = landscape.mesh.token(subject_of(ERP_ADAPTER), ["mdm.source_records.write"])
    requests = [Request(sequence=number, source_record=record) for number, record in enumerate(records)]
    with open_channel(landscape.mesh.services["mdm"].target, token=FixedToken(token)) as channel:
        return list(ingest_pb2_grpc.IngestServiceStub(channel).SubmitSourceRecords(iter(requests)))


def _found(planted: set[str], text: bytes) -> list[str]:
    """Return planted values in a text, as they are or as the bytea of a dump spells their bytes."""
    return [value for value in planted if value.encode() in text or value.encode().hex().encode() in text]


def _active_in_workforce(landscape: Landscape, key: str) -> bool:
    with ScimClient(landscape.scim.url, landscape.scim.token_file) as client:
        resource = client.get("/CostCenters", key.rpartition("/")[2])
    assert resource is not None
    return bool(resource.document.get("active"))


def _expected_suppliers(landscape: Landscape) -> int:
    """Count suppliers after joining those that share a LEI, DUNS, GLN or NPI."""
    parents = {row.code: row.code for row in landscape.catalogue.suppliers}

    def root(code: str) -> str:
        while parents[code] != code:
            code = parents[code]
        return code

    holders: dict[tuple[str, str], str] = {}
    for row in landscape.catalogue.suppliers:
        for kind in ("lei", "duns", "gln", "npi"):
            value = getattr(row, kind)
            if value:
                first = holders.setdefault((kind, value), row.code)
                parents[root(row.code)] = root(first)
    return len({root(code) for code in parents})
