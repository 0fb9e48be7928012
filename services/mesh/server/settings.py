"""How a server listens and how much it takes on."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ServerTls:
    """The server's certificate chain and key, and the authority that clients' certificates must come from, if any.

    The files are read again when they change: certificates rotate without a restart.
    """

    certificate_file: Path
    key_file: Path
    client_ca_file: Path | None = None


@dataclass(frozen=True)
class ServerSettings:
    """Where to listen and the limits of what is taken on.

    `port` 0 takes a free one. `streams` is the number of streams served at once, apart from the `workers` that serve
    unary calls; more of these than the cores keep busy hand the interpreter to one another (docs/how-to/bench.md).
    `writers` serve unary calls that change records or append evidence: they mostly wait, and the more wait the more
    share a transaction. `waiting` calls may wait for the workers, and as many for the writers; then calls are refused.
    `default_deadline_s` is the deadline of unary calls that come without one: handlers that wait for others wait no
    longer; statements are bounded by the database's own limit. Plaintext is refused on addresses other than loopback
    unless `allow_plaintext`. `reuse_port` lets several processes share one port. `reflection` tells the
    contracts to whoever asks. `own_core` says that nothing else runs on the process's core (docs/operations.md).
    `health_port` serves health, and nothing else, in plaintext: probes hold no credentials.
    """

    host: str = "127.0.0.1"
    port: int = 0
    workers: int = 8
    writers: int = 32
    waiting: int = 1000
    streams: int = 64
    max_request_bytes: int = 4 * 1024 * 1024
    max_response_bytes: int = 16 * 1024 * 1024
    default_deadline_s: float = 30.0
    reflection: bool = False
    reuse_port: bool = False
    allow_plaintext: bool = False
    own_core: bool = False
    tls: ServerTls | None = None
    health_port: int | None = None
