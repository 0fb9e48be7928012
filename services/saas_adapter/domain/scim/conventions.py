"""What an organisation's SCIM service means by what it holds: configured, not guessed."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Conventions:
    """How one SCIM service is read and written."""

    entities: Mapping[str, str] = field(default_factory=dict)
    """Entities (`entities/{id}`) by the name that cost centers' `entity` gives them."""
    hierarchy: str = "workforce"
    """The hierarchy in which a cost center's department is its parent."""

    worker_types: Mapping[str, str] = field(default_factory=dict)
    """Worker types (`employee`, `contractor`, `agency`) by users' `userType`; empty = `userType` says nothing."""
    contractor_classifications: Mapping[str, str] = field(default_factory=dict)
    """Classifications of who is not employed, by users' `userType`."""
    workforce_extension: str = ""
    """URN of the users' extension with assignments, shift differentials and dates; empty = there is none."""

    @property
    def parent_path(self) -> str:
        """The path of a cost center's department."""
        return f"slices.parents[{self.hierarchy}]"

    def entity_name(self, entity: str) -> str | None:
        """Return what the service calls an entity; None = it has no name for it."""
        return next((name for name, each in self.entities.items() if each == entity), None)
