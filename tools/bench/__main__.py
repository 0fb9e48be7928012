"""`python -m tools.bench [--only a,b] [sizes]`: measure, print a table, write build/bench.json.

Exit status 1 when a call failed or answered wrongly, or when rounds left a backlog behind: then there are no figures.
"""

import argparse
import sys
import time

from tools.bench import report
from tools.bench.appending import DEFAULT_SIZE as LEAVES
from tools.bench.bulk import DEFAULT_SIZE, SMALL
from tools.bench.figures import write
from tools.bench.hub import running_hub, running_yardstick
from tools.bench.load import LoadError
from tools.bench.match_one import DEFAULT_POPULATION
from tools.bench.programme import NAMES, Programme, Sizes
from tools.bench.trial import UnsteadyError
from tools.mesh import MeshError
from tools.postgres import BUILD, PostgresError

DIRECTORY = BUILD / "bench"
FIGURES = BUILD / "bench.json"


def selection(text: str) -> tuple[str, ...]:
    """Return the names in a list such as `get_supplier,ingest` and always the yardstick's; all for an empty list."""
    wanted = [name.strip() for name in text.split(",") if name.strip()] or list(NAMES)
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no {', '.join(unknown)}; there is {', '.join(NAMES)}")
    return tuple(name for name in NAMES if name in wanted or name == NAMES[0])


def main() -> int:
    """Measure and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description="Measure what calls of the hub cost.")
    parser.add_argument("--only", type=selection, default=NAMES, help=f"some of {','.join(NAMES)}, parted by commas")
    told = f"how many records import_bulk takes in after its first {SMALL:,}; default: {DEFAULT_SIZE:,}"
    parser.add_argument("--records", type=int, default=DEFAULT_SIZE, metavar="N", help=told)
    told = f"among how many golden records match_one looks for one; default: {DEFAULT_POPULATION:,}"
    parser.add_argument("--population", type=int, default=DEFAULT_POPULATION, metavar="N", help=told)
    told = f"how many leaves the large log of audit_batch, audit_single, audit_proof has; default: {LEAVES:,}"
    parser.add_argument("--leaves", type=int, default=LEAVES, metavar="N", help=told)
    asked = parser.parse_args()
    sizes = Sizes(asked.records, asked.population, asked.leaves)
    began = time.monotonic()

    def progress(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)

    try:
        with running_hub(DIRECTORY) as hub, running_yardstick(DIRECTORY) as yardstick:
            progress("PostgreSQL, audit and hub serve")
            figures = Programme(hub, yardstick, asked.only, progress, sizes).run()
    except (LoadError, UnsteadyError, LookupError, MeshError, PostgresError) as error:
        print(f"nothing measured: {error}", file=sys.stderr)
        return 1
    write(figures, FIGURES)
    print("\n".join(report.lines(figures)))
    print(f"written to {FIGURES.relative_to(BUILD.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
