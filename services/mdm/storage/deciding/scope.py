"""Scope: what of the hub a caller's entities let them reach."""

from collections.abc import Sequence

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError
from services.mesh.records.store import Revision


def in_scope(entities: Sequence[str], scope: frozenset[str] | None) -> bool:
    """Tell whether something that applies to `entities` is within a caller's scope (None = everything)."""
    return scope is None or not scope.isdisjoint(entities)


def missing(kind: str, name: str) -> ConcordError:
    """Return the one answer for what is not there and for what the caller may not know of."""
    return ConcordError(
        reasons.ERROR_REASON_RECORD_NOT_FOUND, f"there is no {name}", metadata={"name": name}, resource=(kind, name)
    )


def known(revision: Revision | None, record_type: str, name: str, scope: frozenset[str] | None) -> Revision:
    """Return what was read under a name, if it is of the type and a caller within the scope may know of it.

    Raises RECORD_NOT_FOUND.
    """
    if revision is None or revision.record_type != record_type or not in_scope(revision.entities, scope):
        raise missing(record_type, name)
    return revision
