"""A service's process: start, say where it listens, wait for a signal, stop in order."""

import gc
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType
from typing import Protocol

import psycopg
from sqlalchemy.exc import OperationalError

from services.mesh.configuration import ConfigurationError
from services.mesh.errors import ConcordError

_log = logging.getLogger(__name__)

STOPPED = 0
STOPPED_WITH_FAILURES = 1
NOT_STARTED = 2

_SIGNALLED = 128
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_GRACE_S = 6.0
_LONGEST_STOP_S = 9.0
_LONGEST_END_S = 0.5
_LOOK_EVERY_S = 0.25
_COLLECT_AFTER = (20_000, 20, 20)


class NotStartedError(Exception):
    """What keeps a process from its work and only an operator can mend; the message says what it is."""


_NO_ANSWER = (OperationalError, psycopg.OperationalError)
EXPECTED = (*_NO_ANSWER, ConfigurationError, ConcordError, NotStartedError, OSError)
"""What only an operator can mend."""


class Server(Protocol):
    """What a process serves with."""

    @property
    def port(self) -> int:
        """The port that it listens on."""

    def start(self) -> None:
        """Serve, in threads."""

    def stop(self, grace_s: float) -> None:
        """Take no more calls, and end those that run within the grace."""


def run(main: Callable[[], int], *, otherwise: str = "not started") -> int:
    """Run a service's main and return its exit code.

    What only an operator can mend - configuration, a database or a port that can't be had - is printed plainly, behind
    `otherwise`, and gives 2; everything else is a fault of ours and keeps its stack. A signal ends it even as the first
    process of a container, which no signal ends that it does not handle.
    """
    signal.signal(signal.SIGTERM, _end)
    try:
        return main()
    except EXPECTED as error:
        told = str(error)
        if isinstance(error, _NO_ANSWER):
            told = f"the database does not answer: {getattr(error, 'orig', error)}"
        print(f"{otherwise}: {told}", file=sys.stderr)  # noqa: T201 - for operators
    return NOT_STARTED


def let_wakers_go_on() -> None:
    """Have a thread that wakes another one go on until it waits itself (SCHED_BATCH); before any other thread starts.

    For a process that has a core to itself: the kernel would rather begin with the one that is woken, in vain, as it
    needs the interpreter, which the other holds. Where cores are shared it is others who would not be interrupted.
    """
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox that forbids it only makes calls dearer
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(_SIGNALLED + number)


def serve(
    service: str,
    server: Server,
    *,
    on_signal: Sequence[Callable[[], None]] = (),
    on_stop: Sequence[Callable[[], None]] = (),
    grace_s: float = _GRACE_S,
) -> int:
    """Serve until SIGTERM or SIGINT, then stop the server and run `on_stop` in order; return the exit code.

    Once it serves, one line on stdout says so: `{"service": …, "port": …}`. `on_signal` runs before calls are drained,
    and must not wait. Parts run to the end even when one fails; then the exit code is 1. What still runs nine seconds
    after the signal is broken off with the process, code 1, as a crash would. A second signal does so at once.
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
    _end_by(_LONGEST_STOP_S, STOPPED_WITH_FAILURES)
    code = _stop([*on_signal, lambda: server.stop(grace_s), *on_stop])
    # Python itself waits for threads of pools, and those of calls that were cut off may be at work for long.
    _end_by(_LONGEST_END_S, code)
    return code


def _settle_memory() -> None:
    """Let the garbage collector pass over what a service is made of, and look less often at what calls leave behind.

    Nearly all of that is freed by its reference count at once; looking for the rest took a twentieth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


def _end_by(seconds: float, code: int) -> None:
    """End the process after a while, whatever it is at, with an exit code."""

    def cut_off() -> None:
        _log.warning("what still runs is broken off with the process")
        os._exit(code)

    timer = threading.Timer(seconds, cut_off)
    timer.daemon = True
    timer.start()


def _stop(steps: Sequence[Callable[[], None]]) -> int:
    code = STOPPED
    for step in steps:
        try:
            step()
        except Exception:  # noqa: BLE001 - the edge: the remaining steps have to run as well
            _log.exception("a step of stopping failed")
            code = STOPPED_WITH_FAILURES
    return code
