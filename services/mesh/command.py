"""The command line that every service has: serve, or migrate its database."""

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from services.mesh.configuration import describe, load
from services.mesh.database import DatabaseSettings
from services.mesh.process import run as run_process

MIGRATION_PREFIX = "CONCORD_MIGRATION"

T = TypeVar("T")


@dataclass(frozen=True)
class MigrationSettings:
    """How the schema's owner connects, and the role that the service runs in."""

    database: DatabaseSettings
    service_role: str


@dataclass(frozen=True)
class Command(Generic[T]):
    """One service's command line: its module, its settings and their prefix, what serves, and its migrations."""

    module: str
    about: str
    settings: type[T]
    prefix: str
    serve: Callable[[T], int]
    migrations: Path

    def run(self, arguments: list[str] | None = None) -> int:
        """Do what the command line (or `arguments`) asks for; return the exit code."""
        command: str = self._parser().parse_args(arguments).command
        return run_process(self._migrate if command == "migrate" else self._serve)

    def _parser(self) -> argparse.ArgumentParser:
        variables = describe(self.settings, self.prefix)
        to_migrate = describe(MigrationSettings, MIGRATION_PREFIX)
        parser = argparse.ArgumentParser(
            prog=f"python -m {self.module}",
            description=self.about,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog=f"environment to serve:\n{variables}\n\nenvironment to migrate:\n{to_migrate}",
        )
        parser.add_argument(
            "command", choices=("serve", "migrate"), nargs="?", default="serve", help="default: %(default)s"
        )
        return parser

    def _serve(self) -> int:
        return self.serve(load(self.settings, os.environ, self.prefix))

    def _migrate(self) -> int:
        from services.mesh.migrations import migrate  # noqa: PLC0415 - a process that serves does not need it

        settings = load(MigrationSettings, os.environ, MIGRATION_PREFIX)
        migrate(settings.database, self.migrations, service_role=settings.service_role)
        return 0
