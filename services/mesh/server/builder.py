"""Building a server: health, reflection and the services' methods behind their stages."""

import dataclasses
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import grpc
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection

from services.mesh.call import Stopping
from services.mesh.identity.authentication import Authenticator
from services.mesh.server.accounting import Accounting
from services.mesh.server.contract import Contract
from services.mesh.server.denials import Denials, NoteDenial, unnoted
from services.mesh.server.gates import Authentication, Authorisation, Deadline
from services.mesh.server.health import Health
from services.mesh.server.line import Line
from services.mesh.server.method import methods_of
from services.mesh.server.places import Places
from services.mesh.server.refusal import Refusal
from services.mesh.server.routing import Routing, Threads
from services.mesh.server.service import GrpcService
from services.mesh.server.settings import ServerSettings
from services.mesh.server.stages import Stages
from services.mesh.server.transport_security import credentials, require_safe
from services.mesh.telemetry import Telemetry

# The transport's own refusal has no reason: up to this factor of a limit our stages refuse, with one.
_HARD_LIMIT_FACTOR = 2

# An access token with many entities is long, and it travels with every call.
_MAX_METADATA_BYTES = 16 * 1024

_OPTIONS: Mapping[str, int] = {
    # Long streams ping while nothing is said: a client may do so every ten seconds.
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.http2.min_ping_interval_without_data_ms": 10_000,
    "grpc.max_metadata_size": _MAX_METADATA_BYTES,
    "grpc.absolute_max_metadata_size": _MAX_METADATA_BYTES,
    # A subscriber that vanished without a word is found within a minute.
    "grpc.keepalive_time_ms": 40_000,
    "grpc.keepalive_timeout_ms": 20_000,
}


class MeshServer:
    """A server that is bound to its port; it answers from `start` to `stop`, its probes until `close`."""

    def __init__(self, server: grpc.Server, port: int, parts: "_Parts") -> None:
        self._server = server
        self._parts = parts
        self.port = port
        self.health_port = parts.health_port
        self.health = parts.health

    def start(self) -> None:
        """Answer calls, and say so by health."""
        self._server.start()
        if self._parts.probes is not None:
            self._parts.probes.start()
        self.health.started()

    def stop(self, grace_s: float) -> None:
        """Take no new calls, end streams with SHUTTING_DOWN, let unary calls finish, cut the rest off after a while.

        Returns when no call is served any more, at the latest after `grace_s` and a moment.
        """
        self.health.drain()
        stopped: threading.Event = self._server.stop(grace_s)
        self._parts.stopping.begin()
        stopped.wait(grace_s + 1.0)
        for threads in (self._parts.workers, self._parts.writers, self._parts.places.threads):
            threads.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Answer no probe any more: the process is about to end."""
        if self._parts.probes is not None:
            self._parts.probes.stop(None).wait(1.0)


class _Parts:
    """What a server is made of and has to end."""

    def __init__(self, settings: ServerSettings, services: Sequence[str]) -> None:
        self.health = Health(services)
        self.stopping = Stopping()
        self.workers = Line(settings.workers, settings.waiting, name="call")
        self.writers = Line(settings.writers, settings.waiting, name="write")
        self.places = Places(settings.streams, settings.waiting)
        self.probes: grpc.Server | None = None
        self.health_port: int | None = None
        if settings.health_port is not None:
            self.probes = grpc.server(ThreadPoolExecutor(1, "probe"), options=[("grpc.so_reuseport", 0)])
            self.health.serve(self.probes)
            self.health_port = _bind(self.probes, dataclasses.replace(settings, port=settings.health_port, tls=None))


def build_server(
    services: Sequence[GrpcService],
    *,
    settings: ServerSettings,
    authenticator: Authenticator,
    telemetry: Telemetry,
    note_denial: NoteDenial = unnoted,
) -> MeshServer:
    """Bind a server that serves exactly these services; `note_denial` is told of every call that is not permitted.

    Raises ConfigurationError for plaintext that strangers could read and for a certificate of another key, OSError when
    a port is taken or a certificate can't be read, ValueError for handlers that don't match their contracts.
    """
    require_safe(settings)
    methods = methods_of(services)
    names = [service.full_name for service in services]
    parts = _Parts(settings, names)
    has_identities = settings.tls is not None and settings.tls.client_ca_file is not None
    stages = Stages(
        telemetry=Accounting(telemetry, parts.stopping, identities=has_identities),
        errors=Refusal(),
        denials=Denials(note_denial),
        deadline=Deadline(timedelta(seconds=settings.default_deadline_s)),
        authentication=Authentication(authenticator),
        authorisation=Authorisation(),
        places=parts.places,
        contract=Contract(settings.max_request_bytes, settings.max_response_bytes),
    )
    server = grpc.server(parts.workers, options=_options(settings), maximum_concurrent_rpcs=_most_calls(settings))
    parts.health.serve(server)
    if settings.reflection:
        described = [*names, health.SERVICE_NAME, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(described, server)
    threads = Threads(streams=parts.places.threads, writers=parts.writers)
    server.add_generic_rpc_handlers([Routing(methods, stages, telemetry.tracer_provider, threads)])
    return MeshServer(server, _bind(server, settings), parts)


def _most_calls(settings: ServerSettings) -> int:
    """Return how many calls may be there at all, those included that only wait to be refused."""
    served = settings.workers + settings.writers + settings.streams + 2 * settings.waiting
    return served * _HARD_LIMIT_FACTOR


def _options(settings: ServerSettings) -> list[tuple[str, int]]:
    sized = {
        "grpc.so_reuseport": int(settings.reuse_port),
        "grpc.max_receive_message_length": settings.max_request_bytes * _HARD_LIMIT_FACTOR,
        "grpc.max_send_message_length": settings.max_response_bytes,
    }
    return list((dict(_OPTIONS) | sized).items())


def _bind(server: grpc.Server, settings: ServerSettings) -> int:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"{host}:{settings.port}"
    try:
        if settings.tls is not None:
            return server.add_secure_port(address, credentials(settings.tls))
        return server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(f"can't listen on {address}") from error
