"""The fake connector keeps what every connector promises."""

import pytest

from concord.mdm.v1.supplier_pb2 import Supplier
from tests.support.adapter.connector_suite import ConnectorSuite, Subject
from tests.support.adapter.fake_connector import FakeConnector, FakeSystem


class TestFakeConnector(ConnectorSuite):
    @pytest.fixture
    def subject(self) -> Subject:
        system = FakeSystem()
        for number in range(1, 8):
            system.edit(f"vendor/{number}", number=f"{number:09}", name=f"Vendor {number}", phone="1", url="a.example")
        return Subject(
            connector=FakeConnector(system),
            record_type="supplier",
            key="vendor/2",
            changes={"legal_name": "Vendor Two Inc", "phone": "555-0102"},
            new_golden=Supplier(name="suppliers/new", revision=4, legal_name="New", duns="123456789"),
            edit=lambda key: system.edit(key, url="b.example"),
        )
