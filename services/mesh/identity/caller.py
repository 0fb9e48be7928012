"""Who calls: what an access token says about the principal behind a call."""

from collections.abc import Sequence
from dataclasses import dataclass

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError

EVERY_ENTITY = "*"


@dataclass(frozen=True)
class Caller:
    """The authenticated principal of a call.

    `subject` is who acts, `client` the OAuth client it uses, `on_behalf_of` for whom it acts, the principal at the
    very beginning last. `permissions` are the exact names that method policies require. `entities` are the entities
    (`entities/{id}`) whose records the caller may see; ("*",) means every entity, () none.
    """

    subject: str
    client: str
    on_behalf_of: tuple[str, ...] = ()
    permissions: frozenset[str] = frozenset()
    entities: tuple[str, ...] = ()

    @property
    def person(self) -> str:
        """For whom everything happens."""
        return person_behind(self.subject, self.on_behalf_of)

    def holds(self, permission: str) -> bool:
        """Say whether the token carries the permission."""
        return permission in self.permissions

    @property
    def sees_every_entity(self) -> bool:
        """Whether the caller is not scoped to particular entities."""
        return EVERY_ENTITY in self.entities


def person_behind(subject: str, on_behalf_of: Sequence[str]) -> str:
    """Return who is at the beginning of a chain of those who act for one another (RFC 8693); without one, who acts."""
    return on_behalf_of[-1] if on_behalf_of else subject


def require_every_entity(caller: Caller, permission: str) -> None:
    """Raise ConcordError PERMISSION_MISSING for a caller whose permission is scoped to some entities."""
    if not caller.sees_every_entity:
        raise scope_too_narrow(permission)


def scope_too_narrow(permission: str) -> ConcordError:
    """Return the error for a caller who has a permission, but for some entities where every one is needed."""
    metadata = {"permission": permission, "entities": EVERY_ENTITY}
    message = f"the token carries {permission} for some entities only: it is needed for every entity"
    return ConcordError(reasons.ERROR_REASON_PERMISSION_MISSING, message, metadata=metadata)
