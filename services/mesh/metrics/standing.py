"""What a process holds in memory right now: elections that it won, connections that it uses."""

from collections.abc import Callable, Iterator, Mapping

from opentelemetry.metrics import Meter

from services.mesh.metrics.gauge import Gauge, Point, observe
from services.mesh.postgres.database import Database

ELECTED = Gauge("concord.worker.elected", "{flag}", "1 where this process is the one replica that does the work.")
USED = Gauge("concord.database.connections.used", "{connection}", "Pooled connections in use.")
MOST = Gauge("concord.database.connections.limit", "{connection}", "Connections that a pool has at most.")


def show_elections(meter: Meter, workers: Mapping[str, Callable[[], bool]]) -> None:
    """Show of each worker, by its name, whether this process was elected for it."""

    def points() -> Iterator[Point]:
        for worker, elected in workers.items():
            yield Point(ELECTED, int(elected()), {"worker": worker})

    observe(meter, [ELECTED], points)


def show_connections(meter: Meter, database: Database) -> None:
    """Show how the pools of a database are used."""

    def points() -> Iterator[Point]:
        for use in database.pool_use():
            yield Point(USED, use.used, {"pool": use.pool})
            yield Point(MOST, use.most, {"pool": use.pool})

    observe(meter, [USED, MOST], points)
