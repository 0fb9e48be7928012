"""The ingest service."""

from services.mdm.transport.writing.importing import Importing
from services.mdm.transport.writing.quarantine import QuarantineMethods
from services.mdm.transport.writing.sources import SourceMethods
from services.mdm.transport.writing.submitting import Submitting
from services.mesh.server import GrpcService

SERVICE = "concord.mdm.v1.IngestService"


def ingest_service(
    submitting: Submitting, importing: Importing, sources: SourceMethods, quarantine: QuarantineMethods
) -> GrpcService:
    """Return the ingest service."""
    return GrpcService(
        SERVICE,
        {
            "SubmitSourceRecords": submitting.submit,
            "ImportSourceRecords": importing.take,
            "GetSourceRecord": sources.get,
            "ListSourceRecords": sources.list_page,
            "ListSourceRecordRevisions": sources.list_revisions,
            "ListQuarantinedRecords": quarantine.list_page,
            "GetQuarantinedRecord": quarantine.get,
            "ReplayQuarantinedRecord": quarantine.replay,
        },
    )
