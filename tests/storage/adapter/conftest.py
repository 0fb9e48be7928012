"""A landscape of its own for each test."""

from collections.abc import Iterator

import pytest

from services.adapter.storage.schema import MIGRATIONS
from tests.support.adapter.outposts import Landscape
from tests.support.database.databases import Databases


@pytest.fixture
def landscape(databases: Databases) -> Iterator[Landscape]:
    with databases.cloned(MIGRATIONS) as migrated, migrated.opened() as database:
        yield Landscape(database)
