"""A served hub with some records, a served adapter, and a command line that is logged in to both."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from concord.mdm.v1 import supplier_pb2
from tests.support.adapter.fake_connector import FakeSystem
from tests.support.adapter.served import OPERATOR, ServedAdapter, served_adapter
from tests.support.command_line import CommandLine
from tests.support.database.databases import Databases
from tests.support.hub.served import EVERYTHING, ServedHub, served
from tests.support.hub.stored import test_hub

LEI = "9999009KEQ3R1RWIXO06"


@pytest.fixture
def mesh(databases: Databases, tmp_path: Path) -> Iterator[ServedHub]:
    """A hub behind its server."""
    with test_hub(databases) as hub, served(hub, tmp_path / "issuer") as running:
        yield running


@pytest.fixture
def concord(mesh: ServedHub, tmp_path: Path) -> CommandLine:
    """A command line whose token may do everything."""
    command_line = CommandLine(tmp_path)
    command_line.configure(hub=f"127.0.0.1:{mesh.port}")
    command_line.log_in(mesh.issuer, (*EVERYTHING, *OPERATOR, "adapter.restricted.read"))
    return command_line


@pytest.fixture
def acme(concord: CommandLine) -> str:
    """The name of a supplier that a steward created."""
    content = supplier_pb2.Supplier(
        legal_name="Acme Surgical Supply, Incorporated", lei=LEI, entities=["entities/group"]
    )
    record = f'{{legal_name: "{content.legal_name}", lei: {LEI}, entities: [entities/group]}}'
    created = concord.asked("create", "suppliers", "-f", "-", given=record)
    return str(created["name"])


@pytest.fixture
def system() -> FakeSystem:
    """An ERP with two vendors, one of which can't be translated."""
    system = FakeSystem()
    system.edit("vendor/1", number="100000001", name="Acme", phone="1", url="acme.example")
    system.edit("vendor/2", number="100000002", name="Bolt", broken="yes")
    return system


@pytest.fixture
def adapter(databases: Databases, mesh: ServedHub, system: FakeSystem, concord: CommandLine) -> Iterator[ServedAdapter]:
    """An adapter that the command line knows as `erp`, settled."""
    with served_adapter(databases, mesh, system) as running:
        running.settle()
        concord.configure(adapter=[f"erp=127.0.0.1:{running.port}"])
        yield running
