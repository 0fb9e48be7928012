"""A service's process: start, say where it listens, wait for a signal, stop in order."""

import gc
import json
import logging
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Protocol

from sqlalchemy.exc import OperationalError

from services.mesh.configuration import ConfigurationError
from services.mesh.errors import ConcordError

_log = logging.getLogger(__name__)

STOPPED = 0
STOPPED_WITH_FAILURES = 1
NOT_STARTED = 2

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_GRACE_S = 8.0
_LOOK_EVERY_S = 0.25
_COLLECT_AFTER = (20_000, 20, 20)


class Server(Protocol):
    """What a process serves with."""

    @property
    def port(self) -> int:
        """The port that it listens on."""

    def start(self) -> None:
        """Serve, in threads."""

    def stop(self, grace_s: float) -> None:
        """Take no more calls, and end those that run within the grace."""


def run(main: Callable[[], int]) -> int:
    """Run a service's main and return its exit code.

    What only an operator can mend - configuration, a database or a port that can't be had - is printed plainly and
    gives 2; everything else is a fault of ours and keeps its stack.
    """
    try:
        return main()
    except OperationalError as error:
        print(f"not started: the database does not answer: {error.orig}", file=sys.stderr)  # noqa: T201 - for operators
    except (ConfigurationError, ConcordError, OSError) as error:
        print(f"not started: {error}", file=sys.stderr)  # noqa: T201 - for operators
    return NOT_STARTED


def serve(
    service: str, server: Server, *, on_stop: Sequence[Callable[[], None]] = (), grace_s: float = _GRACE_S
) -> int:
    """Serve until SIGTERM or SIGINT, then stop the server and run `on_stop` in order; return the exit code.

    Once it serves, one line on stdout says so: `{"service": …, "port": …}`. A second signal ends the process at once.
    `on_stop` runs to its end even when a part of it fails; then the exit code is 1.
    """
    stop_asked = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop_asked.set()
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)

    for number in _SIGNALS:
        signal.signal(number, ask)
    _settle_memory()
    server.start()
    print(json.dumps({"service": service, "port": server.port}), flush=True)  # noqa: T201 - who starts us waits for it
    # A signal that another thread of the process receives does not end this thread's wait: look now and then.
    while not stop_asked.wait(_LOOK_EVERY_S):
        pass
    return _stop([lambda: server.stop(grace_s), *on_stop])


def _settle_memory() -> None:
    """Let the garbage collector pass over what a service is made of, and look less often at what calls leave behind.

    Nearly all of that is freed by its reference count at once; looking for the rest took a twentieth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


def _stop(steps: Sequence[Callable[[], None]]) -> int:
    code = STOPPED
    for step in steps:
        try:
            step()
        except Exception:  # noqa: BLE001 - the edge: the remaining steps have to run as well
            _log.exception("a step of stopping failed")
            code = STOPPED_WITH_FAILURES
    return code
