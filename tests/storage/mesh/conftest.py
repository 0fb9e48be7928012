"""A fresh ledger for each test of the record store, the relay and the feed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.mesh.postgres.database import Database
from tests.support.database.databases import Databases, MigratedDatabase
from tests.support.database.record_service import AuditInMemory, Ledger

MIGRATIONS = Path(__file__).parent / "migrations"


@pytest.fixture
def migrated(databases: Databases) -> Iterator[MigratedDatabase]:
    with databases.cloned(MIGRATIONS) as migrated:
        yield migrated


@pytest.fixture
def database(migrated: MigratedDatabase) -> Iterator[Database]:
    with migrated.opened() as database:
        yield database


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture
def audit() -> AuditInMemory:
    return AuditInMemory()
