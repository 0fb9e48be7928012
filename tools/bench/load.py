"""A load: requests that are serialised beforehand, where they go, how many are under way at once; and its outcome."""

import base64
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.guarded_process import GuardedProcess

LONGEST_S = 180.0

UNARY, CALLERS, INGEST = "unary", "callers", "ingest"


class LoadError(Exception):
    """The generator failed, or calls did not answer what they have to: then nothing was measured."""


@dataclass(frozen=True)
class Load:
    """Calls of one method.

    `kind` is `unary`; `callers`, of whom each waits for an answer before it calls again; or `ingest` for streams of
    submissions. Each of `requests` is sent once; its answer has to hold the bytes at the same place of `expected` (of
    `ingest`: to say that the record was created). `window` is the number of calls under way at once, of callers, of
    streams; `connections` that of connections they are spread over. `rate` bounds the calls a second; None = as fast as
    they are answered.
    """

    target: str
    method: str
    token: str
    requests: Sequence[bytes]
    expected: Sequence[bytes] = ()
    kind: str = UNARY
    window: int = 32
    connections: int = 1
    rate: float | None = None

    def write(self, path: Path) -> None:
        """Write it to a file that its owner alone may read: it holds a token."""
        path.touch(mode=0o600)
        told = asdict(self)
        for name in ("requests", "expected"):
            told[name] = [base64.b64encode(each).decode() for each in told[name]]
        path.write_text(json.dumps(told))

    @classmethod
    def read(cls, path: Path) -> "Load":
        """Read it back."""
        told = json.loads(path.read_text())
        for name in ("requests", "expected"):
            told[name] = [base64.b64decode(each) for each in told[name]]
        return cls(**told)


@dataclass(frozen=True)
class Outcome:
    """What became of a load: calls that were answered rightly, seconds from the first sent to the last answered.

    `busy` is the share of that time that the generator's process was computing: near 1, the rate is its own limit.
    `p50_ms` and `p99_ms` are how long unary calls took, sent to answered.
    """

    calls: int
    seconds: float
    busy: float
    p50_ms: float = 0.0
    p99_ms: float = 0.0

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds


def run(load: Load, directory: Path) -> Outcome:
    """Send a load from a process of its own and wait for the end. Raises LoadError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    plan, result, log = (directory / name for name in ("load.json", "outcome.json", "generator.log"))
    load.write(plan)
    result.unlink(missing_ok=True)
    command: list[str | Path] = [sys.executable, "-m", "tools.bench.generator", plan, result]
    with GuardedProcess.start(command, log=log) as process:
        status = process.wait(LONGEST_S)
    plan.unlink()
    if status != 0:
        raise LoadError(f"{load.method}: {log.read_text().strip().splitlines()[-1]}")
    return Outcome(**json.loads(result.read_text()))
