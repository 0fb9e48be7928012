"""Who calls: what an access token says about the principal behind a call."""

from dataclasses import dataclass

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

    def holds(self, permission: str) -> bool:
        """Say whether the token carries the permission."""
        return permission in self.permissions

    @property
    def sees_every_entity(self) -> bool:
        """Whether the caller is not scoped to particular entities."""
        return EVERY_ENTITY in self.entities
