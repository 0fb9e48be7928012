"""Rolling restart: every replica of every service is restarted in turn, and no client sees a call fail."""

import uuid
from contextlib import ExitStack
from pathlib import Path

from concord.adapter.v1.adapter_pb2 import ListSystemStatesRequest
from concord.audit.v1.log_pb2 import GetCheckpointRequest
from concord.mdm.v1.supplier_pb2 import CreateSupplierRequest, GetSupplierRequest, Supplier
from concord.mdm.v1.supplier_pb2_grpc import SupplierServiceStub
from services.mesh.calling.client import FixedToken, open_channel
from tools.drill import evidence
from tools.drill.calls import Calls, Outcome, Stream
from tools.drill.figures import Figure
from tools.drill.rehearsal import PERMISSIONS, Progress, register
from tools.drill.replicas import Replicas
from tools.drill.replication import start_primary
from tools.drill.writers import ENTITY
from tools.mesh import AUDIT, ERP_ADAPTER, MDM, SAAS_ADAPTER, LocalMesh, ServiceKind

DEFAULT_RATE = 500.0

_BESIDE = 10.0
"""Calls a second that write to the hub, and that go to each service besides the hub."""
_WRITES = 500
_MAY = (*PERMISSIONS, "audit.log.read", "adapter.systems.read")
_SUPPLIERS = "/concord.mdm.v1.SupplierService"
_STATES = "/concord.adapter.v1.AdapterService/ListSystemStates"
_CHECKPOINT = "/concord.audit.v1.LogService/GetCheckpoint"
# Systems that do not answer: an adapter serves all the same, and restarts.
_SYSTEMS = {
    ERP_ADAPTER: """
[[systems]]
name = "systems/erp"
connector = "tryton"
options = { url = "http://127.0.0.1:9", database = "erp", user = "concord", password_file = "{secret}", entities = {} }
""",
    SAAS_ADAPTER: """
[[systems]]
name = "systems/workforce"
connector = "scim"
options = { url = "http://127.0.0.1:9", token_file = "{secret}", entities = {} }
""",
}


def rolling_restart(directory: Path, rate: float, progress: Progress) -> Figure:
    """Restart every service of a mesh of its own at `rate` calls a second; say how many calls failed."""
    with ExitStack() as stack:
        postgres = stack.enter_context(start_primary(directory / "rolling-postgres"))
        mesh = stack.enter_context(LocalMesh(directory / "rolling", postgres))
        services = _services(mesh, directory)
        progress("rolling restart: two replicas of each service serve")
        token = mesh.token("drill", _MAY)
        hub = stack.enter_context(open_channel(services[MDM].target, token=FixedToken(token)))
        register(hub)
        token_file = mesh.issuer.write_token(directory / "drill.token", token)
        streams = _streams(services, SupplierServiceStub(hub), rate)
        calls = stack.enter_context(Calls(streams, token_file, directory / "rolling-calls"))
        for kind, replicas in services.items():
            for replica in replicas.restart():
                progress(f"rolling restart: {kind.name} at port {replica.port} is back")
        outcome = calls.end()
        evidence.await_drained(postgres)
        return _figure(outcome, len(evidence.differences(hub)))


def _services(mesh: LocalMesh, directory: Path) -> dict[ServiceKind, Replicas]:
    audit = Replicas(mesh, AUDIT)
    hub = Replicas(mesh, MDM, {f"{MDM.prefix}_AUDIT_TARGET": audit.target})
    services = {MDM: hub, AUDIT: audit}
    for kind in _SYSTEMS:
        peers = {f"{kind.prefix}_AUDIT_TARGET": audit.target, f"{kind.prefix}_HUB_TARGET": hub.target}
        file = {f"{kind.prefix}_SYSTEMS_FILE": str(_systems_file(directory, kind))}
        services[kind] = Replicas(mesh, kind, peers | file)
    return services


def _systems_file(directory: Path, kind: ServiceKind) -> Path:
    secret, file = directory / f"{kind.name}.secret", directory / f"{kind.name}-systems.toml"
    secret.touch(mode=0o600)
    secret.write_text("nothing answers to it")
    file.write_text(_SYSTEMS[kind].replace("{secret}", str(secret)))
    return file


def _figure(outcome: Outcome, differences: int) -> Figure:
    failed = len(outcome.failures)
    told = f"{failed} of {outcome.calls:,} calls failed at {outcome.rate:.0f} a second"
    told += f", the slowest took {outcome.slowest_s:.2f} s"
    told += "".join(f"\n  {one}" for one in outcome.failures[:5])
    return Figure("rolling restart", None, outcome.calls, failed, 0, 0, not failed and not differences, told)


def _streams(services: dict[ServiceKind, Replicas], suppliers: SupplierServiceStub, rate: float) -> list[Stream]:
    hub = services[MDM].target
    name = suppliers.CreateSupplier(_creation()).supplier.name
    read = [GetSupplierRequest(name=name).SerializeToString()]
    written = [_creation().SerializeToString() for _ in range(_WRITES)]
    states = [ListSystemStatesRequest().SerializeToString()]
    checkpoint = [GetCheckpointRequest().SerializeToString()]
    beside = [
        Stream(hub, f"{_SUPPLIERS}/CreateSupplier", written, _BESIDE),
        Stream(services[AUDIT].target, _CHECKPOINT, checkpoint, _BESIDE),
        *(Stream(services[kind].target, _STATES, states, _BESIDE) for kind in _SYSTEMS),
    ]
    return [Stream(hub, f"{_SUPPLIERS}/GetSupplier", read, max(1.0, rate - _BESIDE * len(beside))), *beside]


def _creation() -> CreateSupplierRequest:
    request_id = str(uuid.uuid4())
    return CreateSupplierRequest(
        supplier=Supplier(legal_name=f"Supplier {request_id}", entities=[ENTITY]), request_id=request_id
    )
