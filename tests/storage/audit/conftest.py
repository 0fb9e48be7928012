"""A fresh log for each test."""

from collections.abc import Iterator

import pytest

from services.audit.storage import MIGRATIONS
from services.audit.storage.leaf_log import LeafLog
from services.audit.storage.leaf_reader import LeafReader
from services.mesh.postgres.database import Database
from tests.support.audit.log_keys import SIGNER
from tests.support.database.databases import Databases, MigratedDatabase


@pytest.fixture
def migrated(databases: Databases) -> Iterator[MigratedDatabase]:
    with databases.cloned(MIGRATIONS) as migrated:
        yield migrated


@pytest.fixture
def database(migrated: MigratedDatabase) -> Iterator[Database]:
    with migrated.opened() as database:
        yield database


@pytest.fixture
def log(database: Database) -> LeafLog:
    return LeafLog(database, SIGNER)


@pytest.fixture
def reader(database: Database) -> LeafReader:
    return LeafReader(database)
