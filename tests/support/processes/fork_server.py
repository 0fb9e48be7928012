"""`python -m tests.support.processes.fork_server MODULE IMPORTED`: start MODULE again and again without its imports.

IMPORTED is imported once. Then each line of JSON on stdin, `{"environment": {...}, "log": path}`, is answered with the
id of a new process, in which MODULE runs as ever. What was forked ends with this server at the latest.
"""

import ctypes
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

_PR_SET_PDEATHSIG = 1


class ForkServer:
    """A running fork server; a context manager that ends it, and everything that it started. Safe in threads."""

    def __init__(self, module: str, imported: str) -> None:
        command = [sys.executable, "-m", "tests.support.processes.fork_server", module, imported]
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._lock = threading.Lock()

    def start(self, environment: Mapping[str, str], log: Path) -> int:
        """Start the module with these variables besides the inherited ones; return its process id."""
        with self._lock:
            asking, answering = cast("IO[str]", self._server.stdin), cast("IO[str]", self._server.stdout)
            asking.write(json.dumps({"environment": dict(environment), "log": str(log)}) + "\n")
            asking.flush()
            return int(answering.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cast("IO[str]", self._server.stdin).close()
        self._server.wait()


def _become(module: str, environment: Mapping[str, str], log: str) -> None:
    """Be the module's process from now on."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(output, stream.fileno())
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__")


def main(module: str, imported: str) -> None:
    """Fork for every line of stdin."""
    importlib.import_module(imported)
    # Nobody waits for what was forked.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(module, **json.loads(line))
            return
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
