"""Real PostgreSQL for storage tests: the embedded 18 and Debian's 15 where installed, one server each a process."""

from collections.abc import Iterator

import pytest

from tests.support.database.databases import Databases
from tests.support.database.quick_server import quick_server
from tools.postgres import debian_binaries, embedded_binaries

BINARIES = {"postgresql18": embedded_binaries(), "debian15": debian_binaries()}


# The older version is for `make test-systems`: a change that it alone minds is rare, and it doubles the time.
VERSIONS = [
    pytest.param(version, marks=getattr(pytest.mark, version)) for version, binaries in BINARIES.items() if binaries
]


@pytest.fixture(scope="session", params=VERSIONS)
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """Databases on a server of each version."""
    version: str = request.param
    with quick_server(BINARIES[version]) as server:
        yield Databases(server)
