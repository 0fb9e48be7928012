"""Services with two replicas each behind one name, and their restart one after the other."""

from collections.abc import Iterator, Mapping

from tools.drill.connections import await_connections, connections
from tools.mesh import LocalMesh, Running, ServiceKind


class Replicas:
    """Two processes of one service."""

    def __init__(self, mesh: LocalMesh, kind: ServiceKind, variables: Mapping[str, str] | None = None) -> None:
        """Start both; `variables` are set besides those that the mesh sets. Raises MeshError."""
        self._mesh = mesh
        sampling = {f"{kind.prefix}_TELEMETRY_SAMPLING_RATIO": "0.01"}  # as in production
        self.members = [mesh.start(kind, {**sampling, **(variables or {})}), mesh.start_beside(kind.name)]

    @property
    def target(self) -> str:
        """The name that both answer to; clients spread their calls over them."""
        return "ipv4:" + ",".join(one.target for one in self.members)

    def restart(self) -> Iterator[Running]:
        """Restart one after the other with SIGTERM, each once the one before is called again; yield each.

        Clients connect again within their longest backoff; the field `minReadySeconds` of a Deployment stands for it.
        The pause before SIGTERM in which a cluster forgets a pod's address has no sense here: addresses stay.
        Raises MeshError, NotCalledError.
        """
        for place, running in enumerate(self.members):
            callers = connections(running.port)
            self.members[place] = self._mesh.replace(running)
            await_connections(running.port, callers)
            yield self.members[place]
