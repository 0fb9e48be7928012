"""Who takes part in a mesh, and what each of them needs to do so: the one list that everything here goes by."""

from dataclasses import dataclass

from services.development.permissions import CHECK, DECIDE, EVIDENCE, HUB_FOR_ADAPTERS, LOAD, OBSERVE, READ, REGISTER


@dataclass(frozen=True)
class Workload:
    """A workload, by the name that its Service, its certificate and its client of the issuer have.

    `permissions` are those of its own tokens; without any it is no client. `has_database` and `has_keys` say whether it
    keeps records, and seals them.
    """

    name: str
    permissions: tuple[str, ...] = ()
    has_database: bool = True
    has_keys: bool = True

    @property
    def service(self) -> str:
        """The service's name where hyphens can't stand: its module, its database, the beginning of its roles."""
        return self.name.replace("-", "_")

    @property
    def owner_role(self) -> str:
        """The PostgreSQL role that owns the service's schema."""
        return f"{self.service}_owner"

    @property
    def service_role(self) -> str:
        """The PostgreSQL role that the service runs in."""
        return f"{self.service}_service"


MDM = Workload("mdm", EVIDENCE)
ERP_ADAPTER = Workload("erp-adapter", (*HUB_FOR_ADAPTERS, *EVIDENCE))
SAAS_ADAPTER = Workload("saas-adapter", (*HUB_FOR_ADAPTERS, *EVIDENCE))
AUDIT = Workload("audit", has_keys=False)
WITNESS = Workload("witness", has_database=False, has_keys=False)
ISSUER = Workload("issuer", has_database=False, has_keys=False)
# The first person or tool that calls the mesh: certificate and client, and no workload of the cluster.
STEWARD = Workload("steward", (*READ, *DECIDE, *LOAD, *OBSERVE, *REGISTER, *CHECK), has_database=False, has_keys=False)

WORKLOADS = (MDM, ERP_ADAPTER, SAAS_ADAPTER, AUDIT, WITNESS, ISSUER, STEWARD)
