"""`python -m tools.drill [--only a,b] [--json FILE]`: rehearse what must not be tried first in an emergency.

Exit status 1 when something was lost, or when anything else than was promised happened.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import grpc
import psycopg

from tools.drill import failover, figures, restore
from tools.drill.connections import NotCalledError
from tools.drill.evidence import LostError
from tools.drill.figures import Figure
from tools.drill.rehearsal import Progress, Rehearsal, emptied, rehearsal
from tools.drill.rolling import DEFAULT_RATE, rolling_restart
from tools.drill.writers import LoadError
from tools.landscape.exclusion import AlreadyRunningError, alone
from tools.mesh import MeshError
from tools.postgres import BUILD, PostgresError

DIRECTORY = BUILD / "drill"
FIGURES = BUILD / "drill.json"

# In this order: the last two leave a hub that has lost what its audit knows.
REHEARSALS: Mapping[str, Callable[[Rehearsal], Figure]] = {
    "hub": failover.hub_synchronous,
    "audit": failover.audit_synchronous,
    "restart": failover.services_restarted,
    "dump": restore.hub_dumped,
    "audit-restore": restore.audit_restored,
    "restore": restore.hub_restored,
    "asynchronous": failover.hub_asynchronous,
}
ROLLING = "rolling"
NAMES = (*REHEARSALS, ROLLING)

_FAILURES = (
    *(LostError, LoadError, MeshError, NotCalledError, PostgresError, AlreadyRunningError),
    *(psycopg.OperationalError, grpc.RpcError, grpc.FutureTimeoutError, FileNotFoundError),
)
"""What a rehearsal ends with when it does not come to its end."""


def selection(text: str) -> tuple[str, ...]:
    """Return the names in a list such as `hub,audit`, in the drill's order; all for an empty list."""
    wanted = [name.strip() for name in text.split(",") if name.strip()] or list(NAMES)
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no {', '.join(unknown)}; there is {', '.join(NAMES)}")
    return tuple(name for name in NAMES if name in wanted)


def rehearsed(names: Sequence[str], rate: float, progress: Progress) -> Iterator[Figure]:
    """Rehearse what is named; yield what each measured. Raises AlreadyRunningError where another drill does."""
    rehearsals = [REHEARSALS[name] for name in names if name != ROLLING]
    with alone(DIRECTORY):
        emptied(DIRECTORY)
        if rehearsals:
            with rehearsal(DIRECTORY, progress) as stage:
                for rehearse in rehearsals:
                    yield rehearse(stage)
        if ROLLING in names:
            yield rolling_restart(DIRECTORY, rate, progress)


def main() -> int:
    """Rehearse and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.drill", description="Rehearse failover, restore, restarts.")
    parser.add_argument("--only", type=selection, default=NAMES, help=f"some of {','.join(NAMES)}")
    parser.add_argument("--rate", type=float, default=DEFAULT_RATE, help="calls a second while services restart")
    parser.add_argument("--json", type=Path, default=FIGURES, metavar="FILE", help="where the figures go")
    asked = parser.parse_args()
    began = time.monotonic()

    def progress(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)

    measured: list[Figure] = []
    failed = False
    try:
        for figure in rehearsed(asked.only, asked.rate, progress):
            progress(f"{figure.name}: {'held' if figure.held else 'DID NOT HOLD'}")
            measured.append(figure)
    except _FAILURES as error:
        print(f"the drill failed: {type(error).__name__}: {error}", file=sys.stderr)
        failed = True
    figures.write(measured, asked.json)
    print("\n".join(figures.lines(measured)))
    print(f"written to {asked.json}")
    return 0 if not failed and all(figure.held for figure in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
