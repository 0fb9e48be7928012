"""The entities, systems and ledger of the demo's hospital group, registered through the hub's own API."""

import re
import uuid

from concord.mdm.v1.ledger_pb2 import CreateLedgerRequest, Ledger, LedgerSegment, SegmentValue
from concord.mdm.v1.system_pb2 import CreateEntityRequest, CreateSystemRequest, Entity, System
from services.mdm.domain.registry import RECORD_TYPES
from tools.demo.catalogue import Catalogue
from tools.landscape.callers import ADMINISTRATOR, Callers
from tools.mesh import ERP_ADAPTER, SAAS_ADAPTER, ServiceKind, subject_of

HUB, ERP, WORKFORCE = "systems/hub", "systems/erp", "systems/workforce"

LEDGER = "ledgers/saltmarsh"
"""The ledger whose chart of accounts the ERP holds."""
ACCOUNT_SEGMENTS = "(?P<natural_account>[0-9]{4})-(?P<fund>[0-9]{2})"
"""What the numbers of its accounts consist of."""

_VALUE_SETS = {"fund": {"00": "None", "10": "Operating", "20": "Restricted by purpose", "30": "Endowment"}}


def register(callers: Callers, catalogue: Catalogue) -> None:
    """Register everything, parents first. Raises grpc.RpcError when the hub refuses."""
    hub = callers.hub(ADMINISTRATOR)
    for entity in _entities(catalogue):
        hub.systems.CreateEntity(CreateEntityRequest(entity=entity, request_id=str(uuid.uuid4())))
    for system in _systems(entity_name(catalogue.entities[0].id)):
        hub.systems.CreateSystem(CreateSystemRequest(system=system, request_id=str(uuid.uuid4())))
    ledger = _ledger(catalogue)
    hub.ledgers.CreateLedger(CreateLedgerRequest(ledger=ledger, request_id=str(uuid.uuid4())))


def entity_name(catalogue_id: str) -> str:
    """Return the name under which an entity of the catalogue is registered."""
    return f"entities/{catalogue_id}"


def _entities(catalogue: Catalogue) -> list[Entity]:
    return [
        Entity(
            name=entity_name(row.id),
            display_name=row.display_name,
            parent=entity_name(row.parent) if row.parent else "",
        )
        for row in catalogue.entities
    ]


def _ledger(catalogue: Catalogue) -> Ledger:
    """Describe the ledger: what the accounts that are posted to consist of."""
    root = catalogue.entities[0]
    return Ledger(
        name=LEDGER,
        display_name=f"Books of {root.display_name}",
        entity=entity_name(root.id),
        currency_code="USD",
        segments=[
            LedgerSegment(
                name=name,
                values=[
                    SegmentValue(value=value, display_name=says) for value, says in _VALUE_SETS.get(name, {}).items()
                ],
            )
            for name in re.compile(ACCOUNT_SEGMENTS).groupindex
        ],
    )


def _systems(root: str) -> list[System]:
    """Describe the systems: stewards are believed first, then the ERP, then the workforce SaaS."""
    masters = [record_type.name for record_type in RECORD_TYPES]
    return [
        System(
            name=HUB,
            display_name="Stewards' desk",
            kind="hub",
            entity=root,
            business_owner="Head of master data",
            technical_owner="Integration platform team",
            authored_attributes=masters,
            trust_rank=1,
        ),
        System(
            name=ERP,
            display_name="Tryton",
            kind="erp",
            entity=root,
            business_owner="Head of supply chain",
            technical_owner="ERP team",
            authored_attributes=masters,
            trust_rank=10,
            submitters=_submitters(ERP_ADAPTER),
        ),
        System(
            name=WORKFORCE,
            display_name="Workforce SaaS",
            kind="workforce",
            entity=root,
            business_owner="Head of human resources",
            technical_owner="SaaS team",
            authored_attributes=["cost_center", "employee"],
            trust_rank=20,
            free_of_duplicates=True,
            submitters=_submitters(SAAS_ADAPTER),
        ),
    ]


def _submitters(adapter: ServiceKind) -> list[str]:
    return [subject_of(adapter)]
