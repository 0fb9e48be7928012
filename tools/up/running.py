"""What is known of the mesh that `make up` left running: a file beside it, there as long as it serves."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tools import leftovers

DIRECTORY = Path(__file__).resolve().parents[2] / "build" / "up"
CONTEXTS = DIRECTORY / "concord.yaml"
"""The contexts of `concord` for this mesh, one a role."""

SUPERVISOR = "tools.up.supervisor"
"""The module of the process that holds everything, as its command line shows it."""

_FILE, _PID_FILE = DIRECTORY / "mesh.json", DIRECTORY / "supervisor.pid"


@dataclass(frozen=True)
class RunningMesh:
    """Where things are: targets by service, addresses of the systems, the roles' contexts for `concord`, and logs."""

    services: dict[str, str]
    systems: dict[str, str]
    contexts: str
    logs: str


def read() -> RunningMesh | None:
    """Return what runs and serves; None when nothing does, or not yet."""
    if supervisor() is None or not _FILE.exists():
        return None
    return RunningMesh(**json.loads(_FILE.read_text()))


def supervisor() -> int | None:
    """Return the process id of the supervisor; None when there is none."""
    pid = int(_PID_FILE.read_text() or 0) if _PID_FILE.exists() else 0
    return pid if pid and leftovers.runs(pid, SUPERVISOR) else None


def announce(running: RunningMesh) -> None:
    """Say that everything serves, all at once."""
    fresh = _FILE.with_suffix(".fresh")
    fresh.write_text(json.dumps(asdict(running), indent=2))
    fresh.replace(_FILE)


def register(pid: int) -> None:
    """Note the supervisor, before anything serves."""
    DIRECTORY.mkdir(mode=0o700, parents=True, exist_ok=True)
    forget()
    _PID_FILE.write_text(str(pid))


def forget() -> None:
    """Remove what was noted."""
    for file in (_FILE, _PID_FILE):
        file.unlink(missing_ok=True)
