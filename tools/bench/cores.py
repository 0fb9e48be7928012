"""Cores: a process that is measured alone computes on one core of its own.

An interpreter computes on one core at a time. Threads that it hands over to on another, idle core first have to wake
that core, which in a virtual machine costs more than the hand-over. Kubernetes gives a container a core of its own when
it asks for whole cores and the kubelet's CPU manager is static. The yardstick gets one, too.
"""

import os
from pathlib import Path


def give_core(pid: int) -> None:
    """Bind a process, all its threads included, to the last of the cores that are allowed here.

    Threads that it starts later stay there too. Generator, PostgreSQL and whatever else runs go where the kernel likes.
    """
    core = max(os.sched_getaffinity(0))
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})
