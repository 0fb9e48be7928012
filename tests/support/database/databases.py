"""Migrated databases for tests: a template for each folder of migrations and what is in it, cloned for each test."""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from services.mesh.postgres.database import Database, DatabaseSettings
from services.mesh.postgres.migrations import migrate
from tools.postgres import PostgresServer

OWNER = "concord_owner"
SERVICE = "concord_service"


@dataclass(frozen=True)
class MigratedDatabase:
    """One test's own database: how its owner and how the service connects."""

    owner: DatabaseSettings
    service: DatabaseSettings

    @contextmanager
    def opened(self) -> Iterator[Database]:
        """Open a pool in the service's role; closes it at the end."""
        database = Database(self.service)
        try:
            yield database
        finally:
            database.close()

    @contextmanager
    def opened_by_owner(self) -> Iterator[Database]:
        """Open a pool in the role that owns the tables."""
        database = Database(self.owner)
        try:
            yield database
        finally:
            database.close()


def empty(_: Database) -> None:
    """Leave a template as the migrations made it."""


class Databases:
    """Makes databases on one server; every folder of migrations runs once for each way to fill what it makes."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self._templates: dict[tuple[Path, Callable[[Database], None]], str] = {}
        self._numbers = itertools.count(1)
        for role in (OWNER, SERVICE):
            server.create_role(role)

    @contextmanager
    def cloned(self, migrations: Path, fill: Callable[[Database], None] = empty) -> Iterator[MigratedDatabase]:
        """Clone the template of these migrations that was filled this way; the clone is dropped at the end."""
        name = self._new_name("test")
        self.server.create_database(name, self._template(migrations, fill), owner=OWNER)
        self._give_identity(name)
        try:
            yield self._settings(name)
        finally:
            self.server.drop_database(name)

    def _template(self, migrations: Path, fill: Callable[[Database], None]) -> str:
        if (migrations, fill) not in self._templates:
            name = self._new_name("template")
            self.server.create_database(name, owner=OWNER)
            migrate(self._settings(name).owner, migrations, service_role=SERVICE)
            with self._settings(name).opened() as database:
                fill(database)
            self._templates[migrations, fill] = name
        return self._templates[migrations, fill]

    def _give_identity(self, name: str) -> None:
        """Make a clone a database of its own, if its schema knows identities; a pool would cost more than all of it."""
        with psycopg.connect(self.server.url(name, OWNER)) as connection:
            if connection.execute("SELECT to_regclass('public.database_identity')").fetchone() != (None,):
                connection.execute("UPDATE public.database_identity SET id = gen_random_uuid()")

    def _new_name(self, kind: str) -> str:
        return f"{kind}_{os.getpid()}_{next(self._numbers)}"

    def _settings(self, name: str) -> MigratedDatabase:
        return MigratedDatabase(
            owner=DatabaseSettings(self.server.url(name, OWNER), application_name="owner", pool_size=4),
            service=DatabaseSettings(self.server.url(name, SERVICE), application_name="service", pool_size=24),
        )
