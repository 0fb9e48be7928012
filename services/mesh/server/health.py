"""What a server says of itself by gRPC's health protocol, for those who send it calls and those who restart it.

`startup`: it is bound and answers. `liveness`: its process goes on, drains included, whatever its database does: a
restart mends no database. `readiness`, like the whole server (""), and each service by its name: it takes calls, since
what it stands on is there and it does not drain. A name that is none of these is answered NOT_FOUND.
"""

import threading
from collections.abc import Sequence

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

STARTUP = "startup"
READINESS = "readiness"
LIVENESS = "liveness"

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Health:
    """The health of one server; safe in threads."""

    def __init__(self, services: Sequence[str]) -> None:
        self._servicer = health.HealthServicer(experimental_non_blocking=True)
        self._following = (READINESS, "", *services)
        self._door = threading.Lock()
        self._started = self._draining = False
        self._supported = True
        for name in (STARTUP, LIVENESS, *self._following):
            self._servicer.set(name, _NOT_SERVING)

    def serve(self, server: grpc.Server) -> None:
        """Have a server answer for it."""
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    @property
    def is_ready(self) -> bool:
        """Whether the server takes calls."""
        return self._started and self._supported and not self._draining

    def started(self) -> None:
        """Say that the server answers."""
        with self._door:
            self._started = True
            self._servicer.set(STARTUP, _SERVING)
            self._servicer.set(LIVENESS, _SERVING)
            self._tell()

    def support(self, supported: bool) -> None:  # noqa: FBT001 - the one thing that it is told
        """Say whether what the server stands on is there."""
        with self._door:
            self._supported = supported
            self._tell()

    def drain(self) -> None:
        """Say that the server takes no calls any more, for good."""
        with self._door:
            self._draining = True
            self._tell()

    def _tell(self) -> None:
        for name in self._following:
            self._servicer.set(name, _SERVING if self.is_ready else _NOT_SERVING)
