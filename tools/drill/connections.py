"""Who is connected to a port of this machine, by what the kernel tells."""

from pathlib import Path

from tools.leftovers import wait_until

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_ESTABLISHED = "01"
_TIMEOUT_S = 60.0


class NotCalledError(Exception):
    """Clients do not connect to a server that waits for them."""


def await_connections(port: int, count: int) -> None:
    """Wait until a port has so many connections. Raises NotCalledError."""
    if not wait_until(lambda: connections(port) >= count, timeout_s=_TIMEOUT_S, pause_s=0.05):
        raise NotCalledError(f"port {port} has {connections(port)} connections after {_TIMEOUT_S:.0f} s, not {count}")


def connections(port: int) -> int:
    """Count the connections that clients have to a port of this machine."""
    ending = f":{port:04X}"
    lines = (line.split() for file in _TABLES if file.exists() for line in file.read_text().splitlines()[1:])
    return sum(columns[1].endswith(ending) and columns[3] == _ESTABLISHED for columns in lines)
