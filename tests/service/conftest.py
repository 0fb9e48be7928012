"""Real PostgreSQL for service tests: one embedded server a process; storage tests cover the other version."""

from collections.abc import Iterator

import pytest

from tests.support.database.databases import Databases
from tests.support.database.quick_server import quick_server


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """Databases on the embedded server."""
    with quick_server() as server:
        yield Databases(server)
