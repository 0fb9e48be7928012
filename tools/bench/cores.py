"""Cores: a process that is measured alone computes on one core, and has it to itself.

An interpreter computes on one core at a time. Threads that it hands over to on another, idle core first have to wake
that core, which in a virtual machine costs more than the hand-over; and whoever else computes on its core takes the
caches with it. Kubernetes gives a container a core to itself when it asks for whole cores and the kubelet's CPU manager
is static. The yardstick gets the same one: they are never busy at the same time.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_CORES = sorted(os.sched_getaffinity(0))
"""Those that are allowed here."""


def leave_core() -> None:
    """Bind the calling thread, and what it starts from now on, to all cores but the one that `give_core` gives.

    Where there is one core only, everything shares it.
    """
    if len(_CORES) > 1:
        os.sched_setaffinity(0, _CORES[:-1])


def give_core(pid: int) -> None:
    """Bind a process to the last core, all its threads included, and those that it starts later."""
    _bind(pid, _CORES[-1:])


def give_cores(pid: int) -> None:
    """Let a process compute wherever the kernel likes: it is measured together with another."""
    _bind(pid, _CORES)


@contextmanager
def every_core(beside: Callable[[], Iterable[int]]) -> Iterator[None]:
    """Let this process, and those beside it, compute wherever the kernel likes within the block; then leave the core.

    `beside` tells them at the beginning and at the end: what was started within the block leaves it, too.
    """
    _bind_all(beside(), _CORES)
    try:
        yield
    finally:
        _bind_all(beside(), _CORES[:-1] or _CORES)


def _bind_all(pids: Iterable[int], cores: Sequence[int]) -> None:
    for pid in (os.getpid(), *pids):
        with suppress(FileNotFoundError):  # it has ended meanwhile
            _bind(pid, cores)


def _bind(pid: int, cores: Sequence[int]) -> None:
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.sched_setaffinity(int(thread.name), cores)
