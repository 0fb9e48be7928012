"""Who calls the mesh: roles with what they may do, and stubs that show their tokens."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc

from concord.adapter.v1 import adapter_pb2_grpc
from concord.audit.v1 import audit_pb2_grpc
from concord.mdm.v1 import (
    account_pb2_grpc,
    change_pb2_grpc,
    code_map_proposal_pb2_grpc,
    cost_center_pb2_grpc,
    employee_pb2_grpc,
    ingest_pb2_grpc,
    item_pb2_grpc,
    ledger_pb2_grpc,
    location_pb2_grpc,
    match_model_service_pb2_grpc,
    reference_data_pb2_grpc,
    stewardship_pb2_grpc,
    supplier_pb2_grpc,
    system_pb2_grpc,
    tree_pb2_grpc,
)
from services.development.permissions import CHECK, DECIDE, LOAD, OBSERVE, READ, REGISTER
from services.mesh.calling.client import TokenFile, open_channel
from tools.mesh import LocalMesh


@dataclass(frozen=True)
class Role:
    """A subject of access tokens, all of whose calls are made for every entity."""

    subject: str
    permissions: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the role is called."""
        return self.subject.partition("@")[0]

    @property
    def file_name(self) -> str:
        """What the file with the role's token is called."""
        return f"{self.name}.token"


STEWARD = Role("steward@saltmarsh.example.org", (*READ, *DECIDE, *LOAD, *OBSERVE, "audit.leaves.read"))
ADMINISTRATOR = Role(
    "administrator@saltmarsh.example.org",
    (*READ, *REGISTER, "mdm.goldens.rebuild"),
)
CONTROLLER = Role(
    "controller@saltmarsh.example.org",
    (
        *READ,
        "mdm.records.erase",
        "mdm.holds.read",
        "mdm.holds.write",
        "mdm.trees.promote",
        "mdm.match_models.promote",
        "mdm.survivorship.promote",
        "mdm.codes.promote",
    ),
)
OPERATOR = Role("operator@saltmarsh.example.org", (*OBSERVE, "adapter.systems.operate", "adapter.quarantine.write"))
BUYER = Role("buyer@saltmarsh.example.org", (*READ, "mdm.change_requests.write"))
AUDITOR = Role(
    "auditor@saltmarsh.example.org",
    CHECK,
)
ROLES = (STEWARD, ADMINISTRATOR, CONTROLLER, BUYER, OPERATOR, AUDITOR)


class Hub:
    """The hub's services, as one role calls them."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.suppliers = supplier_pb2_grpc.SupplierServiceStub(channel)
        self.items = item_pb2_grpc.ItemServiceStub(channel)
        self.cost_centers = cost_center_pb2_grpc.CostCenterServiceStub(channel)
        self.employees = employee_pb2_grpc.EmployeeServiceStub(channel)
        self.locations = location_pb2_grpc.LocationServiceStub(channel)
        self.accounts = account_pb2_grpc.AccountServiceStub(channel)
        self.trees = tree_pb2_grpc.TreeServiceStub(channel)
        self.ledgers = ledger_pb2_grpc.LedgerServiceStub(channel)
        self.validation = ledger_pb2_grpc.ValidationServiceStub(channel)
        self.stewardship = stewardship_pb2_grpc.StewardshipServiceStub(channel)
        self.match_models = match_model_service_pb2_grpc.MatchModelServiceStub(channel)
        self.ingest = ingest_pb2_grpc.IngestServiceStub(channel)
        self.changes = change_pb2_grpc.ChangeServiceStub(channel)
        self.reference_data = reference_data_pb2_grpc.ReferenceDataServiceStub(channel)
        self.code_maps = code_map_proposal_pb2_grpc.CodeMapProposalServiceStub(channel)
        self.systems = system_pb2_grpc.SystemServiceStub(channel)


class Callers:
    """Opens channels to the services of a mesh; a context manager that closes them."""

    def __init__(self, mesh: LocalMesh) -> None:
        self._mesh = mesh
        self._stack = ExitStack()
        self._channels: dict[tuple[str, Role], grpc.Channel] = {}

    def token_file(self, role: Role) -> Path:
        """Write a role's token to a file that only its owner may read; return the path."""
        directory = self._mesh.directory / "tokens"
        directory.mkdir(mode=0o700, exist_ok=True)
        token = self._mesh.token(role.subject, role.permissions)
        return self._mesh.issuer.write_token(directory / role.file_name, token)

    def hub(self, role: Role) -> Hub:
        """Return the hub's services for a role."""
        return Hub(self._channel("mdm", role))

    def adapter(self, service: str, role: Role) -> adapter_pb2_grpc.AdapterServiceStub:
        """Return an adapter's service, `erp_adapter` or `saas_adapter`, for a role."""
        return adapter_pb2_grpc.AdapterServiceStub(self._channel(service, role))

    def audit(self, role: Role) -> audit_pb2_grpc.AuditServiceStub:
        """Return the audit's service for a role."""
        return audit_pb2_grpc.AuditServiceStub(self._channel("audit", role))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _channel(self, service: str, role: Role) -> grpc.Channel:
        if (service, role) not in self._channels:
            channel = open_channel(self._mesh.services[service].target, token=TokenFile(self.token_file(role)))
            self._channels[service, role] = channel
            self._stack.callback(channel.close)
        return self._channels[service, role]
