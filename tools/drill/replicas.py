"""Services with two replicas each behind one name, and their restart one after the other."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.leftovers import wait_until
from tools.mesh import LocalMesh, Running, ServiceKind

_CONNECTIONS = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_ESTABLISHED = "01"
_CONNECTED_S = 30.0


class RestartError(Exception):
    """A replica that was started again is not called."""


class Replicas:
    """Two processes of one service."""

    def __init__(self, mesh: LocalMesh, kind: ServiceKind, variables: Mapping[str, str] | None = None) -> None:
        """Start both; `variables` are set besides those that the mesh sets. Raises MeshError."""
        self._mesh = mesh
        self.members = [mesh.start(kind, variables), mesh.start_beside(kind.name)]

    @property
    def target(self) -> str:
        """The name that both answer to; clients spread their calls over them."""
        return "ipv4:" + ",".join(one.target for one in self.members)

    def restart(self) -> Iterator[Running]:
        """Restart one after the other with SIGTERM, each once the one before is called again; yield each.

        Clients connect again within their longest backoff; the field `minReadySeconds` of a Deployment stands for it.
        The pause before SIGTERM in which a cluster forgets a pod's address has no sense here: addresses stay.
        Raises MeshError, RestartError.
        """
        for place, running in enumerate(self.members):
            callers = connections(running.port)
            self.members[place] = self._mesh.replace(running)
            if not wait_until(lambda: connections(running.port) >= callers, timeout_s=_CONNECTED_S, pause_s=0.1):  # noqa: B023 - asked at once
                raise RestartError(f"{running.kind.name} at {running.target} is not called again")
            yield self.members[place]


def connections(port: int) -> int:
    """Count the connections that clients have to a port of this machine."""
    ending = f":{port:04X}"
    lines = (line.split() for file in _CONNECTIONS if file.exists() for line in file.read_text().splitlines()[1:])
    return sum(columns[1].endswith(ending) and columns[3] == _ESTABLISHED for columns in lines)
