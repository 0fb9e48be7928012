"""A served hub for each test, and one that the suite over every master shares."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from concord.mdm.v1 import ledger_pb2
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.registry import RECORD_TYPES
from tests.support.database.databases import Databases
from tests.support.hub.masters import Master, rid
from tests.support.hub.served import Client, ServedHub, served
from tests.support.hub.stored import test_hub
from tests.support.samples.contents import LEDGER


@pytest.fixture
def mesh(databases: Databases, tmp_path: Path) -> Iterator[ServedHub]:
    """A hub behind its server."""
    with test_hub(databases) as hub, served(hub, tmp_path) as running:
        yield running


@pytest.fixture
def steward(mesh: ServedHub) -> Client:
    """A caller who may do everything everywhere."""
    return mesh.client()


@pytest.fixture(scope="session")
def shared_mesh(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHub]:
    """One hub for the whole suite: its tests tell their records apart by number."""
    with test_hub(databases) as hub, served(hub, tmp_path_factory.mktemp("shared")) as running:
        ledger = ledger_pb2.Ledger(name=LEDGER, display_name="Books", entity="entities/north", currency_code="USD")
        request = ledger_pb2.CreateLedgerRequest(ledger=ledger, request_id=rid())
        running.client().ledgers.CreateLedger(request)
        yield running


@pytest.fixture(scope="session")
def everywhere(shared_mesh: ServedHub) -> Client:
    """A caller of the shared hub who may do everything everywhere."""
    return shared_mesh.client()


@pytest.fixture(params=RECORD_TYPES, ids=lambda record_type: record_type.name)
def record_type(request: pytest.FixtureRequest) -> RecordType:
    """Each master in turn."""
    found: RecordType = request.param
    return found


@pytest.fixture
def master(record_type: RecordType, everywhere: Client, shared_mesh: ServedHub) -> Master:
    """The methods of each master in turn, on the shared hub."""
    return Master(record_type, everywhere, shared_mesh)
