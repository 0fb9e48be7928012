"""A served hub, a system in memory and a served adapter between them, for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.adapter.fake_connector import FakeSystem
from tests.support.adapter.served import ServedAdapter, served_adapter
from tests.support.database.databases import Databases
from tests.support.hub.served import Client, ServedHub, served
from tests.support.hub.stored import test_hub


@pytest.fixture
def mesh(databases: Databases, tmp_path: Path) -> Iterator[ServedHub]:
    """A hub behind its server."""
    with test_hub(databases) as hub, served(hub, tmp_path) as running:
        yield running


@pytest.fixture
def steward(mesh: ServedHub) -> Client:
    """A caller of the hub who may do everything everywhere."""
    return mesh.client()


@pytest.fixture
def system() -> FakeSystem:
    """An ERP with two vendors."""
    system = FakeSystem()
    system.edit("vendor/1", number="100000001", name="Acme", phone="1", url="acme.example")
    system.edit("vendor/2", number="100000002", name="Bolt")
    return system


@pytest.fixture
def running(databases: Databases, mesh: ServedHub, system: FakeSystem) -> Iterator[ServedAdapter]:
    """An adapter that follows both, settled."""
    with served_adapter(databases, mesh, system) as running:
        running.settle()
        yield running
