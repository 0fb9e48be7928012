"""Migrations: one Alembic history for each service, run by the schema's owner.

Apart from `database`, so that a process that serves never loads what only migrating needs.
"""

import logging
import re
import threading
from dataclasses import replace
from pathlib import Path

import sqlalchemy
from alembic import command, context, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

from services.mesh.postgres.database import Database, DatabaseSettings
from services.mesh.postgres.schema_revision import SchemaRevision

_DATABASE = "SELECT current_database()"
_IS_OPEN = "SELECT has_database_privilege('public', current_database(), 'CONNECT')"
_LOCK = 0x434F4E43_00000001
_ENVIRONMENT = Path(__file__).parent / "migration_environment"
_ROLE = re.compile(r"[a-z_][a-z0-9_]{0,62}")

# Alembic keeps the running migration in module globals.
_one_migration = threading.Lock()

_log = logging.getLogger(__name__)


def migrate(settings: DatabaseSettings, migrations: Path, *, service_role: str) -> None:
    """Bring the schema to the newest revision in `migrations` (a folder of Alembic revision files), as the owner.

    All in one transaction. Replicas that start together wait for one another. A newer schema, of a release that was
    gone back from, is left as it is. A revision file runs frozen SQL by `run_script` and reaches the role to grant to
    by `granted_role`. Nobody else may connect to the database from then on; where its owner is another role, that is
    left to it, with a warning. Raises ConcordError DEPENDENCY_UNAVAILABLE.
    """
    if not _ROLE.fullmatch(service_role):
        raise ValueError(f"not a role name: {service_role!r}")
    config = Config()
    config.set_main_option("script_location", _escaped(_ENVIRONMENT))
    config.set_main_option("version_locations", _escaped(migrations))
    config.set_main_option("path_separator", "newline")
    database = Database(replace(settings, statement_timeout_s=0))
    try:
        with _one_migration, database.transaction() as connection:
            connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_xact_lock(_LOCK)))
            if _is_newer(connection, migrations):
                _log.warning("the schema is newer than this release and left as it is")
                return
            config.attributes.update(connection=connection, service_role=service_role)
            command.upgrade(config, "head")
            _close_to_others(connection, service_role)
    finally:
        database.close()


def granted_role() -> str:
    """Return the service role that the running migration is to grant to; for use in revision files only."""
    role: str = context.config.attributes["service_role"]
    return role


def run_script(script: str) -> None:
    """Run SQL statements, separated by semicolons, in the running migration; for use in revision files only."""
    op.get_bind().exec_driver_sql(script, execution_options={"no_parameters": True})


def _close_to_others(connection: sqlalchemy.Connection, service_role: str) -> None:
    """Take from PUBLIC what PostgreSQL gives it of a new database, whoever made that: connecting, temporary tables."""
    quoted = connection.dialect.identifier_preparer.quote(str(connection.exec_driver_sql(_DATABASE).scalar_one()))
    revoke = f"REVOKE ALL ON DATABASE {quoted} FROM PUBLIC"
    grant = f"GRANT CONNECT ON DATABASE {quoted} TO {service_role}"
    connection.exec_driver_sql(revoke)
    connection.exec_driver_sql(grant)
    # To a role that does not own the database PostgreSQL says so in a notice, and does nothing.
    if connection.exec_driver_sql(_IS_OPEN).scalar_one():
        _log.warning("every role may connect to this database, and only its owner can end that: %s; %s", revoke, grant)


def _is_newer(connection: sqlalchemy.Connection, migrations: Path) -> bool:
    present = MigrationContext.configure(connection).get_current_revision()
    return present is not None and present.isdecimal() and int(present) > SchemaRevision(migrations).needed


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
