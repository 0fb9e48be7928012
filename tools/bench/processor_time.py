"""Processor time as the operating system counts it: user and system, of processes and of a PostgreSQL server."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


@dataclass(frozen=True)
class ProcessorTime:
    """Seconds of processor time: of the service's processes, of the audit's, of PostgreSQL's."""

    service: float
    audit: float = 0.0
    postgres: float = 0.0

    def __sub__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, field.name) - getattr(other, field.name) for field in fields(self)))

    def per(self, calls: int) -> Self:
        """Return the microseconds for each of so many calls."""
        return type(self)(*(getattr(self, field.name) / calls * 1e6 for field in fields(self)))


def of_processes(pids: list[int]) -> float:
    """Return the seconds that processes have used so far, all their threads included."""
    return sum(_used(_stat(pid)) for pid in pids)


def of_tree(pid: int) -> float:
    """Return the seconds of a process and of its children, also of those that have ended: of a PostgreSQL server."""
    stat = _stat(pid)
    ended = (int(stat[13]) + int(stat[14])) / _TICKS
    return _used(stat) + ended + sum(map(_used, _children(pid)))


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that run now."""
    return [int(child) for child in (_PROC / str(pid) / "task" / str(pid) / "children").read_text().split()]


def _used(stat: list[str]) -> float:
    return (int(stat[11]) + int(stat[12])) / _TICKS


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on: the second, a name, may hold spaces."""
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def _children(pid: int) -> Iterator[list[str]]:
    for child in children(pid):
        try:
            yield _stat(child)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile: its time has become its parent's
