"""Leave the mesh running, end it, or look at it: `python -m tools.up start|stop|status`."""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

from clients.cli.connection import config
from tools import leftovers
from tools.landscape.callers import ROLES
from tools.up import running
from tools.up.running import RunningMesh

_START_S, _STOP_S = 420.0, 60.0
_LOG = running.DIRECTORY / "supervisor.log"
_EXAMPLES = ("list suppliers --limit 3", "search suppliers 9999009KEQ3R1RWIXO06", "sync state", "--help")


def main() -> int:
    """Do what is asked and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.up", description="Leave the mesh running, or end it.")
    parser.add_argument("command", choices=("start", "stop", "status"))
    return {"start": _start, "stop": _stop, "status": _status}[parser.parse_args().command]()


def _start() -> int:
    if running.supervisor() is not None:
        print("The mesh is running already.")
        return _status()
    running.DIRECTORY.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _LOG.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", running.SUPERVISOR],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    shown = _Tail(_LOG)

    def serves() -> bool:
        shown.print_new()
        return running.read() is not None

    if leftovers.wait_until(serves, timeout_s=_START_S, give_up=lambda: process.poll() is not None):
        return _status()
    shown.print_new()
    print("The mesh did not start.", file=sys.stderr)
    process.terminate()
    return 1


def _stop() -> int:
    pid = running.supervisor()
    if pid is None:
        print("The mesh is not running.")
        return 0
    os.kill(pid, signal.SIGTERM)
    if not leftovers.wait_until(lambda: not leftovers.runs(pid, running.SUPERVISOR), timeout_s=_STOP_S):
        print(f"The mesh has not ended within {_STOP_S:.0f} s; its supervisor is process {pid}.", file=sys.stderr)
        return 1
    print("The mesh has ended.")
    return 0


def _status() -> int:
    mesh = running.read()
    if mesh is None:
        pid = running.supervisor()
        print("The mesh is not running." if pid is None else f"The mesh is starting; it says so in {_shown(_LOG)}.")
        return 0 if pid else 1
    _describe(mesh)
    return 0


def _describe(mesh: RunningMesh) -> None:
    concord = _shown(Path(sys.executable).with_name("concord"))
    print("\nThe mesh runs:")
    for name, where in (mesh.services | mesh.systems).items():
        print(f"  {name:<13} {where}")
    print(f"\nLogs: {mesh.logs}\n\nTalk to it, as a steward or with --context {_others()}:")
    print(f"  export {config.FILE_VARIABLE}={mesh.contexts}")
    for example in _EXAMPLES:
        print(f"  {concord} {example}")
    print("\nEnd it: make down")


def _others() -> str:
    return ", ".join(role.name for role in ROLES[1:])


def _shown(path: Path) -> str:
    return os.path.relpath(path, Path.cwd())


class _Tail:
    """What a growing file says, as it comes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = 0

    def print_new(self) -> None:
        """Print what was added."""
        with self._path.open("rb") as file:
            file.seek(self._seen)
            added = file.read()
        self._seen += len(added)
        sys.stdout.write(added.decode(errors="replace"))
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
