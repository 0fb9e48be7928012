"""The command line that every service has: serve, migrate its database, wait for that, or do a task once."""

import argparse
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from services.mesh.configuration import describe, load
from services.mesh.logs import start_logging
from services.mesh.postgres.database import DatabaseSettings
from services.mesh.postgres.schema_revision import SchemaRevision, await_database, await_schema, require_schema
from services.mesh.process import EXPECTED, NOT_STARTED
from services.mesh.process import run as run_process
from services.mesh.report import Report
from services.mesh.telemetry import TelemetrySettings

MIGRATION_PREFIX = "CONCORD_MIGRATION"

_SCHEMA_TIMEOUT_S = 300.0

_log = logging.getLogger(__name__)


class ServiceSettings(Protocol):
    """What the settings of every service with a database hold."""

    @property
    def database(self) -> DatabaseSettings:
        """Where the database is."""

    @property
    def telemetry(self) -> TelemetrySettings:
        """What is told of the process."""


T = TypeVar("T", bound=ServiceSettings)


@dataclass(frozen=True)
class MigrationSettings:
    """How the schema's owner connects, and the role that the service runs in."""

    database: DatabaseSettings
    service_role: str


@dataclass(frozen=True)
class Task(Generic[T]):
    """What a service does once, where something else keeps the schedule; with the settings that it serves with."""

    name: str
    about: str
    run: Callable[[T], Report]


@dataclass(frozen=True)
class Command(Generic[T]):
    """One service's command line: its module, its settings and their prefix, what serves, its migrations and tasks."""

    module: str
    about: str
    settings: type[T]
    prefix: str
    serve: Callable[[T], int]
    migrations: Path
    tasks: Sequence[Task[T]] = ()

    def run(self, arguments: list[str] | None = None) -> int:
        """Do what the command line (or `arguments`) asks for; return the exit code."""
        given = self._parser().parse_args(arguments)
        match given.command:
            case "migrate":
                return run_process(lambda: self._migrate(given.timeout), otherwise="not migrated")
            case "await-schema":
                return run_process(lambda: self._await_schema(given.timeout), otherwise="not there")
            case "serve" | None:
                return run_process(self._serve)
        (task,) = (task for task in self.tasks if task.name == given.command)
        return run_process(lambda: self._do(task, as_json=given.json), otherwise="not done")

    def _parser(self) -> argparse.ArgumentParser:
        variables = describe(self.settings, self.prefix)
        to_migrate = describe(MigrationSettings, MIGRATION_PREFIX)
        parser = argparse.ArgumentParser(
            prog=f"python -m {self.module}",
            description=self.about,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog=f"environment of all but migrate:\n{variables}\n\nenvironment to migrate:\n{to_migrate}",
        )
        commands = parser.add_subparsers(dest="command")
        commands.add_parser("serve", help="serve until a signal comes (default)")
        migrating = commands.add_parser("migrate", help="bring the schema to this release's revision, as its owner")
        waiting = commands.add_parser("await-schema", help="wait until the database has this release's schema")
        for patient, default in ((migrating, 0.0), (waiting, _SCHEMA_TIMEOUT_S)):
            told = "how long to wait for the database; default: %(default)g"
            patient.add_argument("--timeout", type=float, default=default, metavar="SECONDS", help=told)
        for task in self.tasks:
            commands.add_parser(task.name, help=task.about).add_argument(
                "--json", action="store_true", help="tell it in JSON"
            )
        return parser

    def _load(self) -> T:
        return load(self.settings, os.environ, self.prefix)

    def _serve(self) -> int:
        settings = self._load()
        require_schema(settings.database, SchemaRevision(self.migrations))
        return self.serve(settings)

    def _await_schema(self, timeout_s: float) -> int:
        settings = self._started()
        await_schema(settings.database, SchemaRevision(self.migrations), timeout_s)
        return 0

    def _do(self, task: Task[T], *, as_json: bool) -> int:
        settings = self._started()
        require_schema(settings.database, SchemaRevision(self.migrations))
        try:
            report = task.run(settings)
        except EXPECTED:
            raise
        except Exception:  # noqa: BLE001 - the edge of the process
            # Not with Python's own exit code for it, which says of a task that it was done and found something.
            _log.exception("%s failed", task.name)
            return NOT_STARTED
        print(report.as_json() if as_json else report.table())  # noqa: T201 - what was asked for
        return report.exit_code

    def _started(self) -> T:
        settings = self._load()
        start_logging(self.module.rpartition(".")[2], settings.telemetry.log_level)
        return settings

    def _migrate(self, timeout_s: float) -> int:
        from services.mesh.postgres.migrations import migrate  # noqa: PLC0415 - a process that serves does not need it

        settings = load(MigrationSettings, os.environ, MIGRATION_PREFIX)
        if timeout_s > 0:
            start_logging(self.module.rpartition(".")[2])
            await_database(settings.database, timeout_s)
        migrate(settings.database, self.migrations, service_role=settings.service_role)
        return 0
