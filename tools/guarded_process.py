"""A child process that cannot outlive the process that started it.

Every server that a test, the demo or the local mesh starts goes through here. A guardian (`tools/guardian.py`) stands
between starter and child: when the starter stops the child, exits or is killed, the guardian ends it.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

GUARDIAN = Path(__file__).with_name("guardian.py")


class GuardedProcess:
    """One running command; a context manager that stops it."""

    def __init__(self, guardian: subprocess.Popen[bytes], pid: int, log: Path) -> None:
        self._guardian = guardian
        self.pid = pid
        """Process id of the command itself, not of its guardian."""
        self.log = log
        """File that the command's stdout and stderr are appended to."""

    @classmethod
    def start(  # noqa: PLR0913 - each is a property of a process
        cls,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        grace_s: float = 10.0,
        ordinary_user: bool = False,
    ) -> Self:
        """Start `command`; its output is appended to `log`.

        `environment` replaces the environment (None inherits it). `stop` sends `stop_signal` and, `grace_s` seconds
        later, SIGKILL. `ordinary_user` lets programs that refuse to run as root be started by root.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        arguments = [str(int(stop_signal)), str(grace_s), "ordinary" if ordinary_user else "same", *map(str, command)]
        with log.open("ab") as output:
            guardian = subprocess.Popen(
                [sys.executable, "-I", "-S", str(GUARDIAN), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env=environment,
                cwd=directory,
                start_new_session=True,
            )
        with cast("IO[bytes]", guardian.stdout) as answer:
            line = answer.readline()
        return cls(guardian, int(line or 0), log)

    def poll(self) -> int | None:
        """Exit status (256 - signal number when a signal ended it), or None while it runs."""
        return self._guardian.poll()

    def wait(self, timeout_s: float) -> int:
        """Wait for the command to end by itself; raises subprocess.TimeoutExpired."""
        return self._guardian.wait(timeout_s)

    def kill(self) -> None:
        """End the command at once with SIGKILL, as a crash would, and wait until it is gone."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self._guardian.wait()

    def stop(self) -> int:
        """Ask the command to end, wait for it and return its exit status; repeating it does nothing more."""
        cast("IO[bytes]", self._guardian.stdin).close()
        return self._guardian.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
