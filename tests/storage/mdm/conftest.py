"""A hub on a database of its own for each test."""

from collections.abc import Iterator

import pytest

from tests.support.database.databases import Databases
from tests.support.hub.stored import TestHub, test_hub


@pytest.fixture
def hub(databases: Databases) -> Iterator[TestHub]:
    """A hub with an entity tree and four systems registered."""
    with test_hub(databases) as opened:
        yield opened
