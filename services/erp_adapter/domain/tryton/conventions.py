"""What an organisation's Tryton means by what it holds: configured, not guessed."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Conventions:
    """How one Tryton is read and written."""

    system: str
    """The system's id, such as `erp`: makes the codes of its addresses unlike those of other systems."""
    entities: Mapping[str, str] = field(default_factory=dict)
    """Entities (`entities/{id}`) by the name that accounts' `Entity:` lines give them."""
    supplier_category: str = "Supplier"
    """The party category that makes a party a supplier; its children say what kind."""
    hierarchy: str = "management"
    """The hierarchy that the tree of analytic accounts is."""
    currency: str = "USD"
    """The company's currency, ISO 4217."""

    def entity_name(self, entity: str) -> str | None:
        """Return what accounts call an entity; None = they have no name for it."""
        return next((name for name, each in self.entities.items() if each == entity), None)
