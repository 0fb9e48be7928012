"""What an organisation's Tryton means by what it holds: configured, not guessed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

LOCATION_KINDS = {"warehouse": "WAREHOUSE", "storage": "STORAGE", "view": "GROUP"}
"""The types of Tryton's locations that are places of the organisation, by default, and their kinds."""


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
    location_hierarchy: str = "stock"
    """The hierarchy that the tree of locations is."""
    location_entities: Mapping[str, str] = field(default_factory=dict)
    """Entities by the code of a location: it and all below it, down to the next such code, belong to that entity."""
    location_kinds: Mapping[str, str] = field(default_factory=lambda: LOCATION_KINDS)
    """Kinds (without `KIND_`) by the type of Tryton's locations; locations of other types are not read."""
    ledger: str = ""
    """The ledger whose chart the company's accounts are."""
    account_hierarchy: str = "chart"
    """The hierarchy that the tree of accounts is."""
    account_types: Mapping[str, str] = field(default_factory=dict)
    """Types of accounts (without `TYPE_`) by the name of Tryton's type, or of one that it lies below."""
    account_segments: re.Pattern[str] | None = None
    """What the code of an account that is posted to consists of: groups named like the segments."""

    def entity_name(self, entity: str) -> str | None:
        """Return what accounts call an entity; None = they have no name for it."""
        return next((name for name, each in self.entities.items() if each == entity), None)
