"""What every caller of the hub does, one after the other: create, get, update, list, ingest, watch."""

import uuid

from google.protobuf.field_mask_pb2 import FieldMask

from concord.mdm.v1 import ingest_pb2
from concord.mdm.v1.change_pb2 import WatchChangesRequest
from concord.mdm.v1.supplier_pb2 import (
    CreateSupplierRequest,
    GetSupplierRequest,
    ListSuppliersRequest,
    Supplier,
    UpdateSupplierRequest,
)
from tests.support.hub.served import Client
from tests.support.hub.stored import statement
from tests.support.hub.submitting import submit
from tests.support.processes.write_load import ENTITY, SYSTEM

_WATCHED_S = 60.0


def require_standard_calls(client: Client) -> None:
    """Require that a hub answers all of them rightly."""
    name = _created_and_updated(client)
    filtered = ListSuppliersRequest(page_size=1000)
    assert name in {one.name for one in client.suppliers.ListSuppliers(filtered).suppliers}
    said = statement(SYSTEM, str(uuid.uuid4()), Supplier(legal_name=_name()))
    (answer,) = submit(client, said)
    assert answer.outcome == ingest_pb2.SubmitSourceRecordsResponse.OUTCOME_CREATED
    _require_watched(client, {(name, 1), (name, 2), (answer.golden_record, 1)})


def _created_and_updated(client: Client) -> str:
    creation = CreateSupplierRequest(
        supplier=Supplier(legal_name=_name(), entities=[ENTITY]), request_id=str(uuid.uuid4())
    )
    created = client.suppliers.CreateSupplier(creation).supplier
    assert client.suppliers.CreateSupplier(creation).supplier.name == created.name
    change = UpdateSupplierRequest(
        supplier=Supplier(name=created.name, legal_name=_name()),
        update_mask=FieldMask(paths=["legal_name"]),
        etag=created.etag,
        request_id=str(uuid.uuid4()),
    )
    assert client.suppliers.UpdateSupplier(change).supplier.revision == 2
    read = client.suppliers.GetSupplier(GetSupplierRequest(name=created.name))
    assert read.supplier.legal_name == change.supplier.legal_name
    return created.name


def _require_watched(client: Client, wanted: set[tuple[str, int]]) -> None:
    stream = client.changes.WatchChanges(WatchChangesRequest(), timeout=_WATCHED_S)
    missing = set(wanted)
    for message in stream:
        missing -= {(change.record, change.revision) for change in message.transaction.changes}
        if not missing:
            break
    stream.cancel()
    assert not missing


def _name() -> str:
    return f"Supplier {uuid.uuid4()}"
