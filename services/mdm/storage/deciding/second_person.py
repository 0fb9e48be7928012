"""Two people: who asked for something does not also decide on it."""

from collections.abc import Iterable

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError


def require_second_person(
    name: str,
    author: str,
    principal: str,
    told: str = "who proposed it does not promote it",
    contributors: Iterable[str] = (),
) -> None:
    """Raise SECOND_PERSON_REQUIRED, which says `told`, when `principal` is the author or contributed."""
    if principal in {author, *contributors}:
        raise ConcordError(reasons.ERROR_REASON_SECOND_PERSON_REQUIRED, told, metadata={"name": name, "author": author})
