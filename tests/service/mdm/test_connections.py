"""How many database connections a call takes: one at a time, so that a full pool is a queue and no deadlock."""

from dataclasses import replace
from pathlib import Path

from concord.mdm.v1 import change_pb2, ingest_pb2, supplier_pb2
from services.mdm.storage.hub_storage import hub_storage
from services.mdm.storage.schema import MIGRATIONS
from services.mesh.postgres.database import Database
from services.mesh.records.sealing import Sealer
from tests.service.mdm.test_ingest import supplier
from tests.support.database.databases import Databases
from tests.support.database.record_service import RING
from tests.support.hub.masters import rid
from tests.support.hub.served import served
from tests.support.hub.stored import TestHub
from tests.support.hub.submitting import submit


def test_every_call_of_a_scoped_caller_makes_do_with_one_connection(databases: Databases, tmp_path: Path) -> None:
    with databases.cloned(MIGRATIONS) as migrated:
        database = Database(replace(migrated.service, pool_size=1, pool_timeout_s=5.0))
        hub = TestHub(database, hub_storage(database, Sealer(RING), spool_limit=100_000))
        hub.register()
        with served(hub, tmp_path, relay=False) as mesh:
            caller = mesh.client(entities=["entities/north"])
            caller.changes.GetFeedState(change_pb2.GetFeedStateRequest())
            next(iter(caller.changes.WatchChanges(change_pb2.WatchChangesRequest(progress_interval_seconds=1))))
            (answer, bad) = submit(caller, supplier("1"), supplier("2", lei="wrong"))
            name, suppliers = answer.golden_record, caller.suppliers
            got = suppliers.GetSupplier(supplier_pb2.GetSupplierRequest(name=name)).supplier
            suppliers.BatchGetSuppliers(supplier_pb2.BatchGetSuppliersRequest(names=[name]))
            suppliers.LookupSupplier(supplier_pb2.LookupSupplierRequest(system="systems/erp", key="1"))
            suppliers.ListSuppliers(supplier_pb2.ListSuppliersRequest())
            suppliers.SearchSuppliers(supplier_pb2.SearchSuppliersRequest(identifier="1"))
            suppliers.ExplainSupplier(supplier_pb2.ExplainSupplierRequest(name=name))
            suppliers.ListSupplierRevisions(supplier_pb2.ListSupplierRevisionsRequest(name=name))
            suppliers.DeleteSupplier(supplier_pb2.DeleteSupplierRequest(name=name, etag=got.etag, request_id=rid()))
            replay = ingest_pb2.ReplayQuarantinedRecordRequest(name=bad.quarantined_record, request_id=rid())
            caller.ingest.ReplayQuarantinedRecord(replay)
        database.close()
