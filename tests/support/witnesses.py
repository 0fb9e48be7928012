"""A real witness on a free port of loopback, with a key that is the same in every run."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from clients.verifier.note import VerifierKey
from services.audit.witness_client import WitnessSettings
from services.witness.storage.state_directory import StateDirectory
from services.witness.transport.add_checkpoint import Cosigner, WitnessServer
from tests.support.evidence import LOG_KEY, WITNESS

GRACE_S = 5.0


@contextmanager
def witness(directory: Path, *log_keys: VerifierKey) -> Iterator[WitnessServer]:
    """Serve a witness whose state lies in the directory, of the tests' log unless others are named."""
    state = StateDirectory(directory / "state")
    server = WitnessServer("127.0.0.1", 0, Cosigner(WITNESS, log_keys or (LOG_KEY,), state, time.time))
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
