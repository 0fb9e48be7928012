"""A whole catalogue in Tryton as its connector reads it, and how fast that notices that nobody is there."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from concord.mdm.v1.cost_center_pb2 import CostCenter
from concord.mdm.v1.item_pb2 import Item
from concord.mdm.v1.supplier_pb2 import Supplier
from services.adapter.systems.remote_error import RemoteError, RemoteErrorKind
from services.erp_adapter.connectors.tryton.connector import TrytonConnector
from services.erp_adapter.connectors.tryton.rpc import TrytonClient
from tests.support.systems.tryton_erp import EVERY, options
from tools.demo import catalogue
from tools.demo.catalogue import Catalogue
from tools.postgres import PostgresServer
from tools.systems.tryton import Tryton


@pytest.fixture(scope="module")
def whole() -> Catalogue:
    return catalogue.load()


@pytest.fixture(scope="module")
def erp(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory, whole: Catalogue) -> Iterator[Tryton]:
    """A Tryton with the whole catalogue."""
    directory = tmp_path_factory.mktemp("tryton")
    with Tryton.start_loaded(directory, postgres, whole, database="erp_whole") as server:
        yield server


def test_the_catalogue_arrives_in_tryton(erp: Tryton, whole: Catalogue) -> None:
    with TrytonClient(erp.url, erp.database, erp.user, erp.password_file) as client:
        suppliers = client.search_read("party.party", [("categories.name", "=", "Supplier")], ["code"], context=EVERY)
        products = client.search_read("product.product", [], ["code", "cost_price"], context=EVERY)
        nodes = client.search_read("analytic_account.account", [], ["code", "parent.code"], context=EVERY)
    assert not all(each.active for each in whole.suppliers)
    assert {each["code"] for each in suppliers} == {each.code for each in whole.suppliers}
    assert {each["code"]: each["cost_price"] for each in products} == {
        each.code: each.cost_price for each in whole.items
    }
    assert {each["code"]: (each["parent."] or {}).get("code", "") for each in nodes} == {
        each.code: each.parent_code for each in whole.cost_centers
    }


def test_the_whole_catalogue_is_pulled(erp: Tryton) -> None:
    connector = TrytonConnector.configured("systems/erp", options(erp))
    documents = [document for batch in connector.pull("", full=False) for document in batch.documents]
    contents = [connector.translate(document).content for document in documents]
    connector.close()
    counts = [sum(isinstance(each, kind) for each in contents) for kind in (Supplier, Item, CostCenter)]
    assert counts == [497, 656, 160]


def test_a_system_that_is_down_or_silent_is_told_within_the_deadline(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        told: dict[str, object] = {"url": url, "database": "erp", "user": "concord", "password_file": str(password)}
        threading.Thread(target=silent.accept, daemon=True).start()
        assert _seconds_until_transient(told) < 20
    assert _seconds_until_transient(told) < 20


def _seconds_until_transient(told: dict[str, object]) -> float:
    connector = TrytonConnector.configured("systems/erp", {**told, "timeout_seconds": 1})
    begin = time.monotonic()
    with pytest.raises(RemoteError) as caught:
        list(connector.pull("", full=False))
    assert caught.value.kind is RemoteErrorKind.TRANSIENT
    return time.monotonic() - begin
