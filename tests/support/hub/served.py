"""The hub as callers meet it: a real channel, a real server, a real database, receipts from an audit in memory."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import grpc

from concord.mdm.v1 import (
    account_pb2_grpc,
    change_pb2_grpc,
    change_request_pb2_grpc,
    code_map_proposal_pb2_grpc,
    cost_center_pb2_grpc,
    employee_pb2_grpc,
    erasure_pb2_grpc,
    hold_pb2_grpc,
    import_pb2_grpc,
    ingest_pb2_grpc,
    item_pb2_grpc,
    ledger_pb2_grpc,
    location_pb2_grpc,
    match_model_service_pb2_grpc,
    pin_pb2_grpc,
    rebuild_pb2_grpc,
    reference_data_pb2_grpc,
    stewardship_pb2_grpc,
    supplier_pb2_grpc,
    survivorship_pb2_grpc,
    system_pb2_grpc,
    translation_pb2_grpc,
    tree_pb2_grpc,
)
from services.development.issuer import DevelopmentIssuer
from services.development.permissions import READ
from services.mdm.app import Feed, hub_services
from services.mdm.domain.registry import RECORD_TYPES
from services.mesh.calling.client import FixedToken, open_channel
from services.mesh.errors import ConcordError, from_rpc_error
from services.mesh.feed.stream import StreamSettings
from services.mesh.identity.authentication import AuthenticationSettings, TokenAuthenticator
from services.mesh.postgres.database import Database
from services.mesh.records.relay import Relay
from services.mesh.server import ServerSettings, build_server
from services.mesh.telemetry import Telemetry, TelemetrySettings
from tests.support.database.record_service import AuditInMemory
from tests.support.hub.stored import TestHub

T = TypeVar("T")

READER = READ
WRITER = (
    *READER,
    *(f"mdm.{record_type.plural}.write" for record_type in RECORD_TYPES),
    "mdm.matches.decide",
    "mdm.trees.write",
    "mdm.trees.promote",
    "mdm.match_models.write",
    "mdm.match_models.promote",
    "mdm.pins.write",
    "mdm.change_requests.write",
    "mdm.change_requests.decide",
    "mdm.survivorship.write",
    "mdm.survivorship.promote",
    "mdm.goldens.rebuild",
    "mdm.records.erase",
    "mdm.holds.read",
    "mdm.holds.write",
    "mdm.ledgers.write",
    "mdm.codes.write",
    "mdm.codes.promote",
    "mdm.source_records.write",
    "mdm.quarantine.write",
    "mdm.systems.write",
    "mdm.entities.write",
)
EVERYTHING = (*WRITER, "mdm.restricted.read")


class Client:
    """One caller's stubs."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel
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
        self.pins = pin_pb2_grpc.PinServiceStub(channel)
        self.change_requests = change_request_pb2_grpc.ChangeRequestServiceStub(channel)
        self.survivorship = survivorship_pb2_grpc.SurvivorshipServiceStub(channel)
        self.rebuilds = rebuild_pb2_grpc.RebuildServiceStub(channel)
        self.systems = system_pb2_grpc.SystemServiceStub(channel)
        self.reference_data = reference_data_pb2_grpc.ReferenceDataServiceStub(channel)
        self.code_maps = code_map_proposal_pb2_grpc.CodeMapProposalServiceStub(channel)
        self.translations = translation_pb2_grpc.TranslationServiceStub(channel)
        self.match_models = match_model_service_pb2_grpc.MatchModelServiceStub(channel)
        self.ingest = ingest_pb2_grpc.IngestServiceStub(channel)
        self.imports = import_pb2_grpc.ImportServiceStub(channel)
        self.erasure = erasure_pb2_grpc.ErasureServiceStub(channel)
        self.holds = hold_pb2_grpc.HoldServiceStub(channel)
        self.changes = change_pb2_grpc.ChangeServiceStub(channel)


class ServedHub:
    """A hub behind its server, with its relay."""

    def __init__(
        self, hub: TestHub, port: int, issuer: DevelopmentIssuer, audit: AuditInMemory, stack: ExitStack
    ) -> None:
        self.hub = hub
        self.port = port
        self.issuer = issuer
        self.audit = audit
        self._stack = stack

    def client(
        self,
        permissions: Sequence[str] = EVERYTHING,
        entities: Sequence[str] = ("*",),
        subject: str = "tester",
        on_behalf_of: Sequence[str] = (),
    ) -> Client:
        """Open a channel for a caller; it is closed with the hub."""
        token = self.issuer.issue(
            subject, client="tests", permissions=permissions, entities=entities, on_behalf_of=on_behalf_of
        )
        channel = open_channel(f"127.0.0.1:{self.port}", token=FixedToken(token))
        self._stack.callback(channel.close)
        return Client(channel)

    def raw_channel(self) -> grpc.Channel:
        """Open a channel without a token."""
        channel = grpc.insecure_channel(f"127.0.0.1:{self.port}")
        self._stack.callback(channel.close)
        return channel


@contextmanager
def served(
    hub: TestHub, directory: Path, *, relay: bool = True, stream: StreamSettings | None = None
) -> Iterator[ServedHub]:
    """Serve a hub on loopback for the time of the block."""
    with ExitStack() as stack:
        issuer = DevelopmentIssuer(directory)
        telemetry = Telemetry(TelemetrySettings(access_log=False), "mdm")
        feed = Feed(hub.database)
        server = build_server(
            hub_services(hub.parts, feed, stream or StreamSettings()),
            settings=ServerSettings(),
            authenticator=TokenAuthenticator(AuthenticationSettings(issuer.issuer, jwks_file=issuer.jwks_file)),
            telemetry=telemetry,
        )
        audit = AuditInMemory()
        feed.start()
        stack.callback(feed.stop)
        if relay:
            stack.enter_context(_relaying(hub.database, audit))
        server.start()
        stack.callback(server.stop, 2.0)
        yield ServedHub(hub, server.port, issuer, audit, stack)


@contextmanager
def _relaying(database: Database, audit: AuditInMemory) -> Iterator[None]:
    relay = Relay(database, audit.append)
    relay.start()
    try:
        yield
    finally:
        relay.stop()


def refused(call: Callable[[], T]) -> ConcordError:
    """Return the typed error that a call ends with."""
    try:
        call()
    except grpc.RpcError as error:
        return from_rpc_error(error)
    raise AssertionError("the call was not refused")
