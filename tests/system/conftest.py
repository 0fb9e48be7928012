"""The real systems that system tests run against, started once per test process."""

from collections.abc import Iterator

import pytest

from tools.postgres import PostgresServer
from tools.systems.scim import ScimServer
from tools.systems.tryton import Tryton


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL server of our own; every test that needs a database creates one."""
    with PostgresServer.start(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def tryton(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tryton]:
    """A Tryton with one company and no data; for an ERP of your own, `Tryton.start` with another `database`."""
    with Tryton.start(tmp_path_factory.mktemp("tryton"), postgres, database="erp_shared") as server:
        yield server


@pytest.fixture(scope="session")
def scim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScimServer]:
    """A workforce SaaS without data."""
    with ScimServer.start(tmp_path_factory.mktemp("scim")) as server:
        yield server
