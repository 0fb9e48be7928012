"""Slow consumers: one thread a process that disconnects subscribers whose transport has been stuck too long."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from services.mesh.feed.stream import FeedStream

_LOOK_S = 0.5


@dataclass(frozen=True)
class _Watched:
    disconnect: Callable[[], None]
    client: str


class SlowConsumers:
    """Watches the streams that are being served and cuts those off whose consumer does not come back."""

    def __init__(self) -> None:
        self._streams: dict[FeedStream, _Watched] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="slow-consumers", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End the thread and tell every stream that is watched to stop (SHUTTING_DOWN)."""
        self._stopping.set()
        with self._lock:
            streams = list(self._streams)
        for stream in streams:
            stream.stop()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    @contextmanager
    def watching(self, stream: FeedStream, disconnect: Callable[[], None], client: str = "") -> Iterator[FeedStream]:
        """Watch a client's `stream` while the block runs; `disconnect` is called once, from the watching thread."""
        with self._lock:
            self._streams[stream] = _Watched(disconnect, client)
        try:
            yield stream
        finally:
            with self._lock:
                self._streams.pop(stream, None)

    def positions(self) -> list[tuple[str, int]]:
        """Return of each stream its client and the position that it has got to."""
        with self._lock:
            return [(watched.client, stream.position) for stream, watched in self._streams.items()]

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_S):
            with self._lock:
                overdue = [stream for stream in self._streams if stream.overdue_s() > 0]
                watched = [self._streams.pop(stream) for stream in overdue]
            for each in watched:
                each.disconnect()
