"""Look-ups: statements that find what belongs to a few texts, executed by libpq in one blocking call.

The driver takes an execution in steps, so that a wait can be interrupted; that is half of what a look-up costs this
process. A look-up needs no interruption: the server's statement_timeout ends it, and the kernel a connection that died.
Within a transaction the driver executes it all the same: at a rollback it has the server forget what was prepared.
"""

import re
from typing import Any

import psycopg
import sqlalchemy
from psycopg import errors, pq
from psycopg.abc import Transformer as Loading
from psycopg.adapt import Transformer

from services.mesh.postgres.database import driver

_TEXT = 25
"""PostgreSQL's oid of the type text."""

_KNOWN = "look-ups"


class LookUp:
    """A statement of which the parameters, `$1`, `$2`, …, are texts. Each connection prepares it once."""

    def __init__(self, name: str, statement: str) -> None:
        self._name = name.encode()
        self._statement = statement.encode()
        self._for_driver = re.sub(r"\$(\d+)", r"%(\1)s", statement.replace("%", "%%")).encode()

    def rows(self, connection: sqlalchemy.Connection, *texts: str) -> list[tuple[Any, ...]]:
        """Return the rows that belong to the texts. Raises psycopg.Error."""
        raw = driver(connection)
        if not raw.autocommit:
            asked = {str(number): text for number, text in enumerate(texts, 1)}
            return raw.execute(self._for_driver, asked, prepare=True, binary=True).fetchall()
        known: dict[bytes, Loading | None] = connection.info.setdefault(_KNOWN, {})
        if self._name not in known:
            _require(raw, raw.pgconn.prepare(self._name, self._statement, [_TEXT] * len(texts)))
            known[self._name] = None
        found = raw.pgconn.exec_prepared(
            self._name, [text.encode() for text in texts], [pq.Format.BINARY] * len(texts), pq.Format.BINARY
        )
        _require(raw, found)
        loading = known[self._name]
        if loading is None:
            loading = known[self._name] = Transformer(raw)
            loading.set_pgresult(found, format=pq.Format.BINARY)
        loading.set_pgresult(found, set_loaders=False)
        return loading.load_rows(0, found.ntuples, tuple)


def _require(connection: psycopg.Connection[Any], result: pq.abc.PGresult) -> None:
    """Raise what the driver would raise."""
    if connection.pgconn.status == pq.ConnStatus.BAD:
        raise psycopg.OperationalError(connection.pgconn.get_error_message())
    if result.status == pq.ExecStatus.FATAL_ERROR:
        raise errors.error_from_result(result)
