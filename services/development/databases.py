"""Makes the services' roles and databases, as PostgreSQL's superuser; may be run again, and sets the passwords anew."""

from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from services.development.workloads import WORKLOADS, Workload

_LOCK = 0x434F4E43_00000010
_ROLE = "SELECT 1 FROM pg_roles WHERE rolname = %s"
_DATABASE = "SELECT 1 FROM pg_database WHERE datname = %s"

_Connection = psycopg.Connection[tuple[Any, ...]]


def prepare(url: str, password_file: Path | None, passwords: Path) -> list[str]:
    """Make what is missing, as the role of the URL; return the names of the databases.

    `passwords` holds a directory for each Secret, `<workload>-database` and `<workload>-database-owner`, with the file
    `password` in it. Raises OSError for one that can't be read, psycopg.Error for what the server refuses.
    """
    own = password_file.read_text(encoding="utf-8").strip() if password_file is not None else None
    with psycopg.connect(url, password=own, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        workloads = [workload for workload in WORKLOADS if workload.has_database]
        for workload in workloads:
            _set_role(connection, workload.owner_role, passwords / f"{workload.name}-database-owner" / "password")
            _set_role(connection, workload.service_role, passwords / f"{workload.name}-database" / "password")
            _set_database(connection, workload)
    return [workload.service for workload in workloads]


def _set_role(connection: _Connection, name: str, password_file: Path) -> None:
    password = password_file.read_text(encoding="utf-8").strip()
    # Hashed here: what the server logs of its statements must not hold it.
    hashed = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    exists = connection.execute(_ROLE, (name,)).fetchone()
    verb = sql.SQL("ALTER ROLE" if exists else "CREATE ROLE")
    statement = sql.SQL("{} {} LOGIN PASSWORD {}").format(verb, sql.Identifier(name), sql.Literal(hashed))
    connection.execute(statement)


def _set_database(connection: _Connection, workload: Workload) -> None:
    database, owner, role = map(sql.Identifier, (workload.service, workload.owner_role, workload.service_role))
    if not connection.execute(_DATABASE, (workload.service,)).fetchone():
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, owner))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, role))
