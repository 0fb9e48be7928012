"""What an interrupted run may have left behind, and waiting for a server's state."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

_PAUSE_S = 0.01
_PATIENCE_S = 10.0


def end_server(pid_file: Path, mark: str) -> None:
    """End the server whose process id is the first line of `pid_file`, then remove the file.

    Only a process whose command line holds `mark` is ended: the id may belong to another program by now.
    """
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text().split("\n", 1)[0] or 0)
    for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGKILL):
        if not runs(pid, mark):
            break
        os.kill(pid, number)
        wait_until(lambda: not runs(pid, mark), timeout_s=_PATIENCE_S)
    pid_file.unlink(missing_ok=True)


def runs(pid: int, mark: str) -> bool:
    """Whether process `pid` runs and has `mark` in its command line."""
    try:
        return mark in Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(
    condition: Callable[[], bool],
    *,
    timeout_s: float,
    give_up: Callable[[], bool] = lambda: False,
    pause_s: float = _PAUSE_S,
) -> bool:
    """Whether `condition`, asked every `pause_s`, became true within `timeout_s` seconds and before `give_up` did."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if give_up() or time.monotonic() > deadline:
            return False
        time.sleep(pause_s)
    return True
