"""What the mesh's own services may do at one another, and what people do with it, as permissions of the contracts."""

from services.mdm.domain.registry import RECORD_TYPES

EVIDENCE = ("audit.leaves.append", "audit.leaves.reconcile")
"""What every service that keeps records does at the audit."""

HUB_FOR_ADAPTERS = (
    "mdm.source_records.write",
    "mdm.source_records.read",
    "mdm.changes.read",
    "mdm.systems.read",
    "mdm.entities.read",
    "mdm.codes.read",
    *(f"mdm.{record_type.plural}.read" for record_type in RECORD_TYPES),
    "mdm.restricted.read",
)

READ = (
    *(f"mdm.{record_type.plural}.read" for record_type in RECORD_TYPES),
    "mdm.source_records.read",
    "mdm.changes.read",
    "mdm.quarantine.read",
    "mdm.exceptions.read",
    "mdm.matches.read",
    "mdm.trees.read",
    "mdm.match_models.read",
    "mdm.pins.read",
    "mdm.change_requests.read",
    "mdm.survivorship.read",
    "mdm.ledgers.read",
    "mdm.codes.read",
    "mdm.postings.validate",
    "mdm.systems.read",
    "mdm.entities.read",
)
DECIDE = (
    *(f"mdm.{record_type.plural}.write" for record_type in RECORD_TYPES),
    "mdm.trees.write",
    "mdm.codes.write",
    "mdm.match_models.write",
    "mdm.matches.decide",
    "mdm.pins.write",
    "mdm.change_requests.write",
    "mdm.change_requests.decide",
    "mdm.survivorship.write",
)
LOAD = ("mdm.source_records.write", "mdm.quarantine.write")
"""What it takes to import a file for a system, and to replay what could not be taken in."""

OBSERVE = ("adapter.systems.read", "adapter.deliveries.read", "adapter.quarantine.read")
REGISTER = ("mdm.systems.write", "mdm.entities.write", "mdm.ledgers.write")
CHECK = ("audit.leaves.read", "audit.log.read", "audit.bundles.export", "evidence.reconcile")
