"""Staying away from a system that asked for it, longer each time."""

import threading
import time


class Pause:
    """A growing pause between attempts; shared by the threads that call one system."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._next_s = first_s
        self._until = 0.0
        self._lock = threading.Lock()

    def remaining_s(self) -> float:
        """Seconds until the next attempt is allowed; 0 when it is allowed now."""
        with self._lock:
            return max(0.0, self._until - time.monotonic())

    def begin(self, asked_s: float | None = None) -> float:
        """Begin a pause of `asked_s` seconds, or twice as long as the last one, and return its length."""
        with self._lock:
            length = min(max(asked_s or 0.0, self._next_s), self._longest_s)
            self._next_s = min(self._next_s * 2, self._longest_s)
            self._until = time.monotonic() + length
            return length

    def end(self) -> None:
        """Forget the pauses after an attempt that succeeded."""
        with self._lock:
            self._next_s = self._first_s
            self._until = 0.0
