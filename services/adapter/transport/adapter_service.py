"""AdapterService: its methods, by name."""

from collections.abc import Mapping

from concord.adapter.v1.adapter_pb2 import DESCRIPTOR
from services.adapter.hub.registrations import Registrations
from services.adapter.storage.ledger import Ledger
from services.adapter.synchronising.worker import Worker
from services.adapter.transport.listing import ListMethods
from services.adapter.transport.operating import OperatingMethods
from services.adapter.transport.quarantining import QuarantineMethods
from services.adapter.transport.scope import Scope
from services.mesh.postgres.database import Database
from services.mesh.server import GrpcService


def adapter_service(
    database: Database, ledger: Ledger, workers: Mapping[str, Worker], registrations: Registrations
) -> GrpcService:
    """Return the service over these workers, by name of their system."""
    scope = Scope(workers, registrations)
    operating, quarantine, lists = (
        OperatingMethods(scope),
        QuarantineMethods(scope),
        ListMethods(database, ledger, scope),
    )
    return GrpcService(
        DESCRIPTOR.services_by_name["AdapterService"].full_name,
        {
            "ListSystemStates": operating.list_states,
            "SyncSystem": operating.sync,
            "PauseSystem": operating.pause,
            "ResumeSystem": operating.resume,
            "ListQuarantinedDocuments": lists.quarantined_documents,
            "GetQuarantinedDocument": quarantine.get,
            "ReplayQuarantinedDocument": quarantine.replay,
            "ListDeliveries": lists.deliveries,
            "ListDiscrepancies": lists.discrepancies,
        },
    )
