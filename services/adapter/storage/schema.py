"""Where an adapter's migrations are, and which of its tables need no change rows."""

from collections.abc import Mapping
from pathlib import Path

MIGRATIONS = Path(__file__).parent / "migrations"

OPERATIONAL_TABLES: Mapping[str, str] = {
    "synchronizations": "cursors and times: how far each system and the feed were read",
    "documents": "what hub and system last answered about a key; the evidence is in the deliveries and in the hub",
    "agenda": "golden revisions still to be delivered, out of the hub's feed; emptied by delivering",
    "listing": "derived from revisions: finds and pages them",
}
"""Tables that need no change row of their own, each with the reason."""
