"""What the witness's process is configured with, below the prefix CONCORD_WITNESS."""

from dataclasses import dataclass
from pathlib import Path

from services.mesh.configuration import Secret

PREFIX = "CONCORD_WITNESS"


@dataclass(frozen=True)
class WitnessSettings:
    """The witness's settings.

    `key` is its own, made by `python -m services.witness new-key`. `log_keys_file` holds the public keys of the logs
    that it witnesses, one a line; several of one log while its key changes. `state_directory` is for this process
    alone, and whoever takes it away takes away what was witnessed. `port` 0 takes a free one. The interface is HTTP,
    for loopback: what comes from elsewhere belongs behind a proxy that ends TLS.
    """

    key: Secret
    log_keys_file: Path
    state_directory: Path
    host: str = "127.0.0.1"
    port: int = 0
    log_level: str = "INFO"
