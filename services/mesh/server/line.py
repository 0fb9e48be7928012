"""Threads with a bounded line before them.

A line that grows without bound serves nobody: its calls are too late when their turn comes. Who finds it full is passed
to threads apart, where nothing but a refusal is done, so that it comes at once and has a reason.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_THREADS_FOR_REFUSALS = 2

_here = threading.local()


class Line(ThreadPoolExecutor):
    """Threads that work, and so many calls that may wait for them."""

    def __init__(self, threads: int, longest: int, *, name: str) -> None:
        super().__init__(threads, thread_name_prefix=name)
        self._room = threading.Semaphore(threads + longest)
        self._refusals = ThreadPoolExecutor(_THREADS_FOR_REFUSALS, f"{name}-refusal", initializer=_refuse_here)

    @staticmethod
    def is_full_for_this_call() -> bool:
        """Whether the call that this thread is at found the line full: then it is only to be refused."""
        return getattr(_here, "refuses", False)

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Queue a call; with threads that only refuse when there is no room."""
        if not self._room.acquire(blocking=False):
            return self._refusals.submit(fn, *args, **kwargs)
        try:
            future = super().submit(fn, *args, **kwargs)
        except RuntimeError:
            self._room.release()
            raise
        future.add_done_callback(self._leave)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - as its base
        """Take no more calls; end the threads when they are idle."""
        super().shutdown(wait, cancel_futures=cancel_futures)
        self._refusals.shutdown(wait, cancel_futures=cancel_futures)

    def _leave(self, _: Future[R]) -> None:
        self._room.release()


def _refuse_here() -> None:
    _here.refuses = True
