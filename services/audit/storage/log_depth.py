"""How far the log has got, as gauges: its newest checkpoint, and what its witness has cosigned of it."""

from collections.abc import Iterator

from sqlalchemy import Connection

from services.mesh.metrics.gauge import Gauge, Point
from services.mesh.metrics.readings import Reading
from services.mesh.postgres.database import driver

LEAVES = Gauge("concord.audit.checkpoint.leaves", "{leaf}", "Leaves that the newest checkpoint covers.")
AGE = Gauge("concord.audit.checkpoint.age", "s", "How long ago the newest checkpoint was signed.")
COSIGNED = Gauge("concord.audit.cosigned.leaves", "{leaf}", "Leaves that the newest cosigned checkpoint covers.")
LAG = Gauge("concord.audit.cosigned.lag", "s", "How long the oldest checkpoint above that has not been cosigned.")

_NEWEST = """
SELECT tree_size, extract(epoch FROM clock_timestamp() - signed_at)::float8 FROM public.checkpoints
ORDER BY tree_size DESC LIMIT 1
"""
_COSIGNED = "SELECT coalesce(max(tree_size), 0) FROM public.cosignatures"
_NEXT = """
SELECT extract(epoch FROM clock_timestamp() - signed_at)::float8 FROM public.checkpoints
WHERE tree_size > %s ORDER BY tree_size LIMIT 1
"""


def log_depth(*, witnessed: bool) -> Reading:
    """Return the reading; of a log without a witness only its own half."""
    return Reading(
        "log", (LEAVES, AGE, COSIGNED, LAG) if witnessed else (LEAVES, AGE), _witnessed if witnessed else _own
    )


def _own(connection: Connection) -> Iterator[Point]:
    row = driver(connection).execute(_NEWEST).fetchone()
    yield Point(LEAVES, row[0] if row else 0)
    if row:
        yield Point(AGE, row[1])


def _witnessed(connection: Connection) -> Iterator[Point]:
    yield from _own(connection)
    (cosigned,) = driver(connection).execute(_COSIGNED).fetchone() or (0,)
    behind = driver(connection).execute(_NEXT, (cosigned,)).fetchone()
    yield Point(COSIGNED, cosigned)
    yield Point(LAG, max(0.0, behind[0]) if behind else 0.0)
