"""From a request's bytes to leaves, every flaw named by its path in the request."""

from collections.abc import Sequence

from concord.governance.v1 import error_reason_pb2 as reasons
from services.audit.domain.leaf import FlawedLeafError, IncomingLeaf, decode
from services.audit.domain.sequencing import LeafConflictError
from services.mesh.contract.validation import constraint_violated, violations
from services.mesh.errors import ConcordError, FieldViolation

MOST_VIOLATIONS = 20
"""In one answer: details travel as metadata, which clients accept up to 8 KiB of."""


def read_leaves(items: Sequence[bytes]) -> list[IncomingLeaf]:
    """Decode and check the serialised leaves of a request.

    Raises ConcordError CONSTRAINT_VIOLATED with the first `MOST_VIOLATIONS` flaws, at paths like `leaves[3].record`.
    """
    leaves: list[IncomingLeaf] = []
    found: list[FieldViolation] = []
    for index, data in enumerate(items):
        try:
            leaves.append(_read_leaf(data))
        except FlawedLeafError as error:
            found += [FieldViolation(_path(index, flaw.field), flaw.description) for flaw in error.flaws]
        except ConcordError as error:
            found += [FieldViolation(_path(index, one.field), one.description, one.reason) for one in error.violations]
    if found:
        raise constraint_violated(found[:MOST_VIOLATIONS])
    return leaves


def conflict(error: LeafConflictError) -> ConcordError:
    """Return the error for a leaf whose key is held with other bytes."""
    metadata = {
        "source_service": error.key.source_service,
        "record": error.key.record,
        "revision": str(error.key.revision),
        "leaf_index": str(error.held.leaf_index),
    }
    message = "other bytes are held for this record and revision; nothing was appended"
    where = FieldViolation(_path(error.place), message)
    return ConcordError(reasons.ERROR_REASON_LEAF_CONFLICT, message, metadata=metadata, violations=[where])


def _read_leaf(data: bytes) -> IncomingLeaf:
    leaf = decode(data)
    broken = violations(leaf)
    if broken:
        raise constraint_violated(broken)
    return IncomingLeaf.of(leaf, data)


def _path(index: int, field: str = "") -> str:
    return f"leaves[{index}].{field}" if field else f"leaves[{index}]"
