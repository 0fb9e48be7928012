"""What is asked for by name, and the answer when it is not there."""

from concord.governance.v1 import error_reason_pb2 as reasons
from services.audit.domain.checkpoint import SignedCheckpoint
from services.audit.storage.tree_reader import TreeReader
from services.mesh.errors import ConcordError


def not_found(kind: str, name: str, told: str) -> ConcordError:
    """Return RECORD_NOT_FOUND for a `concord.audit.v1` message of this kind."""
    return ConcordError(
        reasons.ERROR_REASON_RECORD_NOT_FOUND,
        f"no such {kind.lower()}: {told}",
        metadata={"name": name},
        resource=(f"concord.audit.v1.{kind}", name),
    )


def checkpoint_of(tree: TreeReader, tree_size: int) -> SignedCheckpoint:
    """Return the checkpoint of so many leaves, the newest for 0. Raises ConcordError RECORD_NOT_FOUND."""
    found = tree.checkpoint(tree_size) if tree_size else tree.newest()
    if found is None:
        raise not_found("Checkpoint", str(tree_size), f"the log has signed none of {tree_size} leaves")
    return found
