"""Real servers on loopback with handlers in memory, and tokens that need no signature."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import descriptor_pool

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError
from services.mesh.identity.caller import Caller
from services.mesh.server import Call, GrpcService, Handler, MeshServer, ServerSettings, build_server
from services.mesh.server.denials import NoteDenial, unnoted
from services.mesh.telemetry import Telemetry

GRACE_S = 5.0


@dataclass
class Tokens:
    """An authenticator that knows its tokens by heart."""

    callers: dict[str, Caller] = field(default_factory=dict)

    def grant(self, token: str, *permissions: str) -> tuple[tuple[str, str], ...]:
        """Make a token with permissions; return the metadata that carries it."""
        self.callers[token] = Caller(subject=token, client="tests", permissions=frozenset(permissions), entities=("*",))
        return (("authorization", f"Bearer {token}"),)

    def authenticate(self, token: str) -> Caller:
        if not token:
            raise ConcordError(reasons.ERROR_REASON_CREDENTIALS_MISSING, "no token")
        if token not in self.callers:
            raise ConcordError(reasons.ERROR_REASON_CREDENTIALS_INVALID, "unknown token")
        return self.callers[token]


def service(full_name: str, handlers: Mapping[str, Handler], **options: Any) -> GrpcService:
    """Return a service whose remaining methods fail the test that calls them."""
    declared = descriptor_pool.Default().FindServiceByName(full_name).methods
    return GrpcService(full_name, {**{method.name: _unexpected for method in declared}, **handlers}, **options)


def _unexpected(_request: Any, call: Call) -> Any:
    raise AssertionError(f"{call.policy.full_name} was not expected")


@contextmanager
def serving(
    tokens: Tokens,
    *services: GrpcService,
    telemetry: Telemetry | None = None,
    note_denial: NoteDenial = unnoted,
    **settings: Any,
) -> Iterator[tuple[MeshServer, grpc.Channel]]:
    """Serve on a free port of loopback; yield the server and a channel to it."""
    server = build_server(
        services,
        settings=ServerSettings(**settings),
        authenticator=tokens,
        telemetry=telemetry or Telemetry.off(),
        note_denial=note_denial,
    )
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            yield server, channel
    finally:
        server.stop(GRACE_S)
