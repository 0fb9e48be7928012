"""The access log: one line of JSON for every call, written a moment later by a thread of its own.

To write is to give the interpreter away, and a lock held meanwhile lines up every thread that serves: on the path of a
call the line is only put together.
"""

import json
import threading
from collections import deque
from typing import NamedTuple, TextIO

import grpc

_PAUSE_S = 0.1
MOST_WAITING = 50_000


class ServedCall(NamedTuple):
    """What is counted and logged of a call: `reason` and `client` (the caller's client id) are "" when not known.

    `is_stream` of one that gives a stream: how long it lasted tells nothing of how fast the service is.
    """

    rpc: str
    code: grpc.StatusCode
    reason: str
    client: str
    seconds: float
    traceparent: str
    is_stream: bool = False


class AccessLog:
    """Writes lines to a stream until it is closed; a process that is killed keeps the last tenth of a second to itself.

    While nobody reads the stream, lines wait; those beyond 50,000 are lost, and so are those that can't be written. How
    many is told once one can be written again.
    """

    def __init__(self, service: str, stream: TextIO) -> None:
        self._begin = f'{{"service": {json.dumps(service)}, "event": '
        self._stream = stream
        self._waiting: deque[str] = deque()
        self._lost = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access log", daemon=True)
        self._thread.start()

    def tell(self, call: ServedCall) -> None:
        """Have a line written; put together by hand, because it is on the path of every call."""
        if len(self._waiting) >= MOST_WAITING:
            self._lost += 1
            return
        self._waiting.append(
            f'{self._begin}"call", "rpc": "{call.rpc}", "code": "{call.code.name}", "reason": "{call.reason}", '
            f'"client": {json.dumps(call.client)}, "ms": {call.seconds * 1000:.2f}, '
            f'"trace_id": "{call.traceparent[3:35]}"}}\n'
        )

    def close(self, timeout_s: float = 1.0) -> None:
        """Write what waits, and end the thread; a stream that nobody reads is not waited for any longer."""
        self._closing.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._closing.wait(_PAUSE_S):
            self._write()
        self._write()

    def _write(self) -> None:
        if not self._waiting:
            return
        # Threads add lines at the end meanwhile: only what is there now is taken.
        lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
        lost, self._lost = self._lost, 0
        told = f'{self._begin}"calls not told", "count": {lost}}}\n' if lost else ""
        try:
            self._stream.write("".join(lines) + told)
            self._stream.flush()
        except OSError:
            # A full disk, a reader that is gone: told once a line can be written again.
            self._lost += lost + len(lines)
