"""How fast the Tryton connector reads a hospital's data, and how fast it notices that there is nobody to read from."""

import socket
import threading
import time
from pathlib import Path

import pytest

from concord.mdm.v1.cost_center_pb2 import CostCenter
from concord.mdm.v1.item_pb2 import Item
from concord.mdm.v1.supplier_pb2 import Supplier
from services.adapter.remote_error import RemoteError, RemoteErrorKind
from services.erp_adapter.connectors.tryton.connector import TrytonConnector
from tests.support.tryton_erp import options
from tools.demo import catalogue
from tools.postgres import PostgresServer
from tools.systems.tryton import Tryton


def test_the_whole_catalogue_is_pulled_in_ten_seconds(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with Tryton.start(tmp_path_factory.mktemp("tryton"), postgres, database="erp_whole") as server:
        server.load(catalogue.load())
        connector = TrytonConnector.configured("systems/erp", options(server))
        begin = time.monotonic()
        documents = [document for batch in connector.pull("", full=False) for document in batch.documents]
        contents = [connector.translate(document).content for document in documents]
        assert time.monotonic() - begin < 10
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
        assert _seconds_until_transient(told) < 3
    assert _seconds_until_transient(told) < 3


def _seconds_until_transient(told: dict[str, object]) -> float:
    connector = TrytonConnector.configured("systems/erp", {**told, "timeout_seconds": 1})
    begin = time.monotonic()
    with pytest.raises(RemoteError) as caught:
        list(connector.pull("", full=False))
    assert caught.value.kind is RemoteErrorKind.TRANSIENT
    return time.monotonic() - begin
