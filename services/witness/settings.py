"""What the witness's process is configured with, below the prefix CONCORD_WITNESS."""

from dataclasses import dataclass, field
from pathlib import Path

from services.mesh.configuration import Secret
from services.mesh.server import ServerTls

PREFIX = "CONCORD_WITNESS"


@dataclass(frozen=True)
class WitnessServerSettings:
    """Where the witness listens; `port` 0 takes a free one.

    Without `tls` (whose files are read again when they change) the interface is plain HTTP, for loopback. What passes
    is signed and secret to nobody. `health_port` answers `/healthz` to probes, in plain HTTP and nothing else.
    """

    host: str = "127.0.0.1"
    port: int = 0
    tls: ServerTls | None = None
    health_port: int | None = None


@dataclass(frozen=True)
class WitnessSettings:
    """The witness's settings.

    `key` is its own, made by `python -m services.witness new-key`. `log_keys_file` holds the public keys of the logs
    that it witnesses, one a line; several of one log while its key changes. `state_directory` is for this process
    alone, and whoever takes it away takes away what was witnessed.
    """

    key: Secret
    log_keys_file: Path
    state_directory: Path
    server: WitnessServerSettings = field(default_factory=WitnessServerSettings)
    log_level: str = "INFO"
