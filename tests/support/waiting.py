"""Waiting for a condition instead of sleeping."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_FIRST_PAUSE_S = 0.005
_LONGEST_PAUSE_S = 0.1


def eventually(predicate: Callable[[], T], timeout_s: float = 60.0, *, describe: str | Callable[[], str] = "") -> T:
    """Call `predicate` until its answer is truthy and return that answer.

    Raises AssertionError after `timeout_s` seconds, with `describe` (a text, or a callable asked at that moment) and
    the last answer. Exceptions of the predicate are not swallowed.
    """
    deadline = time.monotonic() + timeout_s
    pause = _FIRST_PAUSE_S
    while True:
        answer = predicate()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            what = describe() if callable(describe) else describe or "the condition"
            raise AssertionError(f"{what}: not true within {timeout_s} s, last answer {answer!r}")
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_S)
