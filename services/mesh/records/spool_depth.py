"""The depth of the spool: changes whose evidence the audit has not receipted yet."""

from collections.abc import Iterator

from sqlalchemy import Connection

from services.mesh.metrics.gauge import Gauge, Point
from services.mesh.metrics.readings import Reading
from services.mesh.records import spool

CHANGES = Gauge("concord.spool.changes", "{change}", "Changes that wait to be published.")
LIMIT = Gauge("concord.spool.limit", "{change}", "Waiting changes above which mutations are refused.")
AGE = Gauge("concord.spool.age", "s", "How long the oldest change has waited: the relay's lag.")


def spool_depth(limit: int) -> Reading:
    """Return the reading of a spool of so many changes at most; what is above that is not counted to its end."""

    def read(connection: Connection) -> Iterator[Point]:
        yield Point(CHANGES, spool.backlog(connection, at_most=2 * limit))
        yield Point(LIMIT, limit)
        yield Point(AGE, spool.lag_s(connection))

    return Reading("spool", (CHANGES, LIMIT, AGE), read)
