"""The masters' services: each typed service is the standard methods over its record type."""

from collections.abc import Mapping

from services.mdm.domain.record_type import RecordType
from services.mdm.storage.stewardship.golden_decisions import Stewardship
from services.mdm.storage.stewardship.merging import Merging
from services.mdm.transport.records.decisions import MasterDecisions
from services.mdm.transport.records.reads import MasterReads, ReadParts
from services.mdm.transport.records.searching import MasterSearch
from services.mesh.server import GrpcService, Handler


def master_service(
    record_type: RecordType, parts: ReadParts, stewardship: Stewardship, merging: Merging
) -> GrpcService:
    """Return the typed gRPC service of a record type."""
    reads = MasterReads(record_type, parts)
    decisions = MasterDecisions(record_type, stewardship, merging, parts.deciding)
    one, many = record_type.descriptor.name, _camel(record_type.plural)
    handlers: Mapping[str, Handler] = {
        f"Get{one}": reads.get,
        f"BatchGet{many}": reads.batch_get,
        f"List{many}": reads.list_page,
        f"Lookup{one}": reads.lookup,
        f"Search{many}": MasterSearch(record_type, parts).search,
        f"Explain{one}": reads.explain,
        f"List{one}Revisions": reads.list_revisions,
        f"Create{one}": decisions.create,
        f"Update{one}": decisions.update,
        f"Delete{one}": decisions.delete,
        f"Undelete{one}": decisions.undelete,
        f"Merge{many}": decisions.merge,
        **({f"Close{one}": decisions.close} if record_type.period_field else {}),
    }
    return GrpcService(record_type.service, handlers)


def _camel(words: str) -> str:
    return "".join(word.capitalize() for word in words.split("_"))
