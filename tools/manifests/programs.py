"""The programs that manifests run, and the settings that each of their commands reads."""

from collections.abc import Mapping
from typing import NamedTuple

from services.adapter.settings import AdapterSettings
from services.audit.settings import AuditSettings
from services.development.settings import (
    BOOTSTRAP_PREFIX,
    DATABASES_PREFIX,
    ISSUER_PREFIX,
    BootstrapSettings,
    DatabasesSettings,
    IssuerSettings,
)
from services.mdm.settings import MdmSettings
from services.mesh.command import MIGRATION_PREFIX, MigrationSettings
from services.witness.settings import WitnessSettings


class Understood(NamedTuple):
    """The settings that a command reads from the environment, and the prefix of its variables."""

    settings: type
    prefix: str


def _service(settings: type, prefix: str, *tasks: str) -> Mapping[str, Understood]:
    own = dict.fromkeys(("serve", "await-schema", *tasks), Understood(settings, prefix))
    return {**own, "migrate": Understood(MigrationSettings, MIGRATION_PREFIX)}


PROGRAMS: Mapping[str, Mapping[str, Understood]] = {
    "services.mdm": _service(MdmSettings, "CONCORD_MDM", "reconcile", "retain"),
    "services.erp_adapter": _service(AdapterSettings, "CONCORD_ERP_ADAPTER", "reconcile"),
    "services.saas_adapter": _service(AdapterSettings, "CONCORD_SAAS_ADAPTER", "reconcile"),
    "services.audit": _service(AuditSettings, "CONCORD_AUDIT", "retain"),
    "services.witness": {"serve": Understood(WitnessSettings, "CONCORD_WITNESS")},
    "services.development": {
        "issuer": Understood(IssuerSettings, ISSUER_PREFIX),
        "bootstrap": Understood(BootstrapSettings, BOOTSTRAP_PREFIX),
        "databases": Understood(DatabasesSettings, DATABASES_PREFIX),
    },
}
"""By module and command."""
