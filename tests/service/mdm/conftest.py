"""A served hub for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import Databases
from tests.support.hub import test_hub
from tests.support.served_hub import Client, ServedHub, served


@pytest.fixture
def mesh(databases: Databases, tmp_path: Path) -> Iterator[ServedHub]:
    """A hub behind its server."""
    with test_hub(databases) as hub, served(hub, tmp_path) as running:
        yield running


@pytest.fixture
def steward(mesh: ServedHub) -> Client:
    """A caller who may do everything everywhere."""
    return mesh.client()
