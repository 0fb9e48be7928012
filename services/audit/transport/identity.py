"""Which services a caller is: what the audit takes and tells of a service depends on it."""

from concord.audit.v1.audit_pb2 import Leaf
from concord.governance.v1 import error_reason_pb2 as reasons
from services.audit.domain.leaf import IncomingLeaf
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.server import Call


def services_of(call: Call) -> set[str]:
    """Return the services that a caller is: those its certificate names; where none is shown, its client of the issuer.

    Workloads have hyphens where the names of services can't.
    """
    names = call.peer_identity.split(",") if call.peer_identity else [call.caller.client]
    return {name.replace("-", "_") for name in names}


def require_own(leaves: list[IncomingLeaf], call: Call) -> None:
    """Raise ConcordError SOURCE_NOT_OWNED unless all leaves are in the caller's own name."""
    foreign = {leaf.key.source_service for leaf in leaves} - services_of(call)
    if foreign:
        place, source = next(
            (place, leaf.key.source_service) for place, leaf in enumerate(leaves) if leaf.key.source_service in foreign
        )
        message = f"leaves of {source} are appended by that service only"
        raise ConcordError(
            reasons.ERROR_REASON_SOURCE_NOT_OWNED,
            message,
            metadata={"source_service": source},
            violations=[FieldViolation(f"leaves[{place}].source_service", message)],
            resource=(Leaf.DESCRIPTOR.full_name, source),
        )
