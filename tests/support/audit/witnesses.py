"""A real witness on a free port of loopback, with a key that is the same in every run."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from services.audit.witness_client import WitnessSettings
from services.mesh.server import ServerTls
from services.mesh.server.http_server import HttpServer
from services.witness.storage.state_directory import StateDirectory
from services.witness.transport.add_checkpoint import Cosigner, handler_of
from tests.support.audit.evidence import LOG_KEY, WITNESS

GRACE_S = 5.0


@contextmanager
def witness(directory: Path, *, port: int = 0, tls: ServerTls | None = None) -> Iterator[HttpServer]:
    """Serve a witness of the tests' log, whose state lies in the directory."""
    state = StateDirectory(directory / "state")
    server = HttpServer("127.0.0.1", port, handler_of(Cosigner(WITNESS, [LOG_KEY], state, time.time)), tls=tls)
    server.start()
    try:
        yield server
    finally:
        server.stop(GRACE_S)
        state.close()


def settings(directory: Path, port: int, pause_s: float = 1.0) -> WitnessSettings:
    """Return what an audit is told of the witness."""
    key_file = directory / "witness.vkey"
    key_file.write_text(f"{WITNESS.verifier_key}\n")
    return WitnessSettings(f"http://127.0.0.1:{port}", key_file, timedelta(seconds=pause_s))
