"""Building a server: health, reflection and the services' methods behind their stages."""

import dataclasses
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.mesh.authentication import Authenticator
from services.mesh.server.accounting import Accounting
from services.mesh.server.call import Stopping
from services.mesh.server.contract import Contract
from services.mesh.server.denials import Denials, NoteDenial, unnoted
from services.mesh.server.gates import Authentication, Authorisation, Deadline
from services.mesh.server.method import methods_of
from services.mesh.server.places import Places
from services.mesh.server.refusal import Refusal
from services.mesh.server.routing import Routing, Threads
from services.mesh.server.service import GrpcService
from services.mesh.server.settings import ServerSettings
from services.mesh.server.stages import Stages
from services.mesh.server.transport_security import credentials, require_safe
from services.mesh.telemetry import Telemetry

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

# The transport's own refusal has no reason: up to this factor the contract stage refuses, with one.
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
    """A server that is bound to its port; it answers from `start` to `stop`."""

    def __init__(self, server: grpc.Server, port: int, services: Sequence[str], parts: "_Parts") -> None:
        self._server = server
        self._services = ("", *services)
        self._parts = parts
        self.port = port
        self.health_port = parts.health_port

    def start(self) -> None:
        """Answer calls, and say so by health."""
        self._server.start()
        if self._parts.probes is not None:
            self._parts.probes.start()
        for service in self._services:
            self.set_serving(service, True)

    def set_serving(self, service: str, serving: bool) -> None:  # noqa: FBT001 - as in the health service itself
        """Change what health says of one service, or of the whole server, whose name is ""."""
        self._parts.health.set(service, _SERVING if serving else _NOT_SERVING)

    def stop(self, grace_s: float) -> None:
        """Take no new calls, end streams with SHUTTING_DOWN, let unary calls finish, cut the rest off after a while.

        Returns when nothing is served any more, at the latest after `grace_s` and a moment.
        """
        self._parts.health.enter_graceful_shutdown()
        stopped: threading.Event = self._server.stop(grace_s)
        self._parts.stopping.begin()
        stopped.wait(grace_s + 1.0)
        if self._parts.probes is not None:
            self._parts.probes.stop(None).wait(1.0)
        for threads in (self._parts.workers, self._parts.writers, self._parts.places.threads):
            threads.shutdown(wait=False, cancel_futures=True)


class _Parts:
    """What a server is made of and has to end."""

    def __init__(self, settings: ServerSettings) -> None:
        self.health = health.HealthServicer(experimental_non_blocking=True)
        self.stopping = Stopping()
        self.workers = ThreadPoolExecutor(settings.workers, thread_name_prefix="call")
        self.writers = ThreadPoolExecutor(settings.writers, thread_name_prefix="write")
        self.places = Places(settings.streams)
        self.probes: grpc.Server | None = None
        self.health_port: int | None = None
        if settings.health_port is not None:
            self.probes = grpc.server(ThreadPoolExecutor(1, "probe"), options=[("grpc.so_reuseport", 0)])
            health_pb2_grpc.add_HealthServicer_to_server(self.health, self.probes)
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
    parts = _Parts(settings)
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
    server = grpc.server(parts.workers, options=_options(settings))
    health_pb2_grpc.add_HealthServicer_to_server(parts.health, server)
    names = [service.full_name for service in services]
    if settings.reflection:
        described = [*names, health.SERVICE_NAME, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(described, server)
    threads = Threads(streams=parts.places.threads, writers=parts.writers)
    server.add_generic_rpc_handlers([Routing(methods, stages, telemetry.tracer_provider, threads)])
    return MeshServer(server, _bind(server, settings), names, parts)


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
