"""An adapter as callers meet it: real channels both ways, a real hub, a system in memory."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import grpc

from concord.adapter.v1 import adapter_pb2_grpc
from concord.adapter.v1.adapter_pb2 import SystemState
from services.adapter.app import Adapter
from services.adapter.hub.client import Hub, HubSettings
from services.adapter.storage.schema import MIGRATIONS
from services.adapter.synchronising.worker import Patience
from services.adapter.systems.systems_file import DeliveryMode, ServedSystem
from services.development import workloads
from services.mesh.calling.client import FixedToken, open_channel
from services.mesh.identity.authentication import AuthenticationSettings, TokenAuthenticator
from services.mesh.postgres.database import Database
from services.mesh.records.relay import Relay
from services.mesh.records.sealing import Sealer
from services.mesh.server import ServerSettings, build_server
from services.mesh.telemetry import Telemetry
from tests.support.adapter.fake_connector import FakeConnector, FakeSystem
from tests.support.database.databases import Databases
from tests.support.database.record_service import RING, AuditInMemory
from tests.support.hub.served import ServedHub
from tests.support.waiting import eventually

ERP = "systems/erp"
OPERATOR = (
    "adapter.systems.read",
    "adapter.systems.operate",
    "adapter.quarantine.read",
    "adapter.quarantine.write",
    "adapter.deliveries.read",
)
PATIENCE = Patience(first_pause_s=0.02, longest_pause_s=0.2, standby_s=0.05)


@dataclass
class ServedAdapter:
    """One process's adapter behind its server, and what it stands on."""

    adapter: Adapter
    port: int
    hub: ServedHub
    system: FakeSystem
    database: Database
    audit: AuditInMemory
    stack: ExitStack = field(repr=False)

    def client(
        self, permissions: Sequence[str] = OPERATOR, entities: Sequence[str] = ("*",)
    ) -> adapter_pb2_grpc.AdapterServiceStub:
        """Open a channel for a caller."""
        token = self.hub.issuer.issue("operator", client="tests", permissions=permissions, entities=entities)
        channel = open_channel(f"127.0.0.1:{self.port}", token=FixedToken(token))
        self.stack.callback(channel.close)
        return adapter_pb2_grpc.AdapterServiceStub(channel)

    def state(self) -> SystemState:
        """Return the state of the ERP's synchronisation."""
        worker = self.adapter.workers[ERP]
        with self.database.reading() as connection:
            return worker.states.describe(connection)

    def is_settled(self) -> bool:
        """Tell whether everything that changed on either side has been pulled, published and delivered."""
        state = self.state()
        with self.hub.hub.database.reading() as connection:
            newest, waiting = connection.exec_driver_sql(
                "SELECT (SELECT coalesce(max(position), 0) FROM positions), (SELECT count(*) FROM spool)"
            ).one()
        read = state.pull_cursor == str(self.system.version)
        return read and not waiting and state.delivered_position >= newest - self._foreign(newest)

    def settle(self) -> None:
        """Wait until it is so."""
        eventually(self.is_settled, describe=lambda: f"settled: {self.state()}")

    def _foreign(self, newest: int) -> int:
        """Count the changes at the feed's end that are none of golden records: the follower never sees them."""
        with self.hub.hub.database.reading() as connection:
            last = connection.exec_driver_sql(
                "SELECT coalesce(max(position), 0) FROM positions JOIN changes USING (seq) "
                "WHERE record_type IN ('supplier', 'cost_center')"
            ).scalar_one()
        return int(newest - last)


@contextmanager
def served_adapter(  # noqa: PLR0913 - what an adapter can differ in
    databases: Databases,
    hub: ServedHub,
    system: FakeSystem,
    *,
    deliver: Mapping[str, DeliveryMode] | None = None,
    database: Database | None = None,
    poll_interval_s: float = 0.05,
    telemetry: Telemetry | None = None,
) -> Iterator[ServedAdapter]:
    """Run an adapter for the time of the block, on a fresh database or on one that an earlier process left."""
    with ExitStack() as stack:
        if database is None:
            migrated = stack.enter_context(databases.cloned(MIGRATIONS))
            database = stack.enter_context(migrated.opened())
        telemetry = telemetry or Telemetry.off()
        channel = stack.enter_context(hub_channel(hub, telemetry))
        served = ServedSystem(
            ERP,
            "fake",
            poll_interval_s,
            deliver or {"supplier": DeliveryMode.UPDATE, "cost_center": DeliveryMode.UPDATE},
        )
        adapter = Adapter(
            "fake_adapter",
            [(served, FakeConnector(system, batch=50))],
            database=database,
            hub=Hub(channel, HubSettings(progress_interval_s=1)),
            sealer=Sealer(RING),
            spool_limit=10_000,
            patience=PATIENCE,
        )
        issuer = hub.issuer
        server = build_server(
            [adapter.service],
            settings=ServerSettings(),
            authenticator=TokenAuthenticator(AuthenticationSettings(issuer.issuer, jwks_file=issuer.jwks_file)),
            telemetry=telemetry,
        )
        audit = AuditInMemory()
        relay = Relay(database, audit.append)
        relay.start()
        stack.callback(relay.stop)
        adapter.start()
        stack.callback(adapter.stop)
        server.start()
        stack.callback(server.stop, 2.0)
        yield ServedAdapter(adapter, server.port, hub, system, database, audit, stack)


@contextmanager
def hub_channel(hub: ServedHub, telemetry: Telemetry) -> Iterator[grpc.Channel]:
    """Open an adapter's channel to the hub, with the permissions that adapters have."""
    token = hub.issuer.issue(
        "fake_adapter", client="tests", permissions=workloads.ERP_ADAPTER.permissions, entities=("*",)
    )
    with open_channel(f"127.0.0.1:{hub.port}", token=FixedToken(token), telemetry=telemetry) as channel:
        yield channel
