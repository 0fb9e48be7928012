"""Calls at a steady rate, from a process of their own, as a client with the shipped service config makes them.

`python -m tools.drill.calls PLAN OUTCOME` calls until SIGTERM, then waits for what is under way and writes what became
of it. Nothing is repeated here: what the policy of the contracts does not hide from a client is a failed call.
"""

import base64
import itertools
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from services.mesh.calling.client import TokenFile, open_channel
from tools.guarded_process import GuardedProcess

_WINDOW = 200
_ENDED_S = 60.0


@dataclass(frozen=True)
class Stream:
    """Calls of one method of one target: serialised requests, one after the other and again, `rate` of them a second.

    Requests that change something bear request ids: asked again they change nothing.
    """

    target: str
    method: str
    requests: Sequence[bytes]
    rate: float

    def written(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self) | {"requests": [base64.b64encode(each).decode() for each in self.requests]}

    @classmethod
    def read(cls, told: dict[str, Any]) -> "Stream":
        """Read it back."""
        return cls(**told | {"requests": [base64.b64decode(each) for each in told["requests"]]})


@dataclass
class Outcome:
    """What became of the calls: how many, in how many seconds, which failed and how, how long the slowest took."""

    calls: int = 0
    seconds: float = 0.0
    slowest_s: float = 0.0
    failures: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Calls a second, in fact."""
        return self.calls / self.seconds if self.seconds else 0.0


class Calls:
    """A running process that calls; a context manager that stops it."""

    def __init__(self, streams: Sequence[Stream], token_file: Path, directory: Path) -> None:
        plan, self._outcome = directory / "calls.json", directory / "calls-outcome.json"
        directory.mkdir(parents=True, exist_ok=True)
        self._outcome.unlink(missing_ok=True)
        plan.write_text(json.dumps({"token_file": str(token_file), "streams": [one.written() for one in streams]}))
        command: list[str | Path] = [sys.executable, "-m", "tools.drill.calls", plan, self._outcome]
        self._process = GuardedProcess.start(command, log=directory / "calls.log", grace_s=_ENDED_S)

    def end(self) -> Outcome:
        """End the calls; return what became of them. Raises FileNotFoundError when the process failed."""
        self._process.stop()
        return Outcome(**json.loads(self._outcome.read_text()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()


def _send(stream: Stream, call: Any, over: threading.Event, outcome: Outcome) -> None:
    """Call at the stream's rate until it is over, then wait for every answer."""
    free = threading.Semaphore(_WINDOW)
    began = time.monotonic()
    for number, request in enumerate(itertools.cycle(stream.requests)):
        if over.wait(max(0.0, began + number / stream.rate - time.monotonic())):
            break
        free.acquire()
        call.future(request).add_done_callback(_noting(stream, outcome, free.release))
    for _ in range(_WINDOW):
        free.acquire()


def _noting(stream: Stream, outcome: Outcome, done: Callable[[], None]) -> Callable[[Any], None]:
    sent = time.monotonic()

    def note(answer: Any) -> None:
        outcome.calls += 1
        outcome.slowest_s = max(outcome.slowest_s, time.monotonic() - sent)
        if answer.exception() is not None:
            at = datetime.now(UTC).time().isoformat("milliseconds")
            outcome.failures.append(f"{at} {stream.method} {answer.code()}: {answer.details()}")
        done()

    return note


def main() -> int:
    """Call until SIGTERM; return the exit status."""
    plan, target = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    streams = [Stream.read(told) for told in plan["streams"]]
    over, outcome, began = threading.Event(), Outcome(), time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    with ThreadPoolExecutor(len(streams)) as threads:
        sending = []
        for stream in streams:
            channel = open_channel(stream.target, token=TokenFile(Path(plan["token_file"])))
            sending.append(threads.submit(_send, stream, channel.unary_unary(stream.method), over, outcome))
        while not over.wait(0.25):  # a signal that another thread receives ends no longer wait
            pass
        outcome.seconds = time.monotonic() - began
        for each in sending:
            each.result()
    target.write_text(json.dumps(asdict(outcome)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
