"""Real PostgreSQL for service tests: one embedded server a process; storage tests cover the other version."""

from collections.abc import Iterator

import pytest

from tests.support.databases import Databases
from tools.postgres import PostgresServer


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """Databases on the embedded server."""
    with PostgresServer.start(tmp_path_factory.mktemp("postgresql")) as server:
        yield Databases(server)
