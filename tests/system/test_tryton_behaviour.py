"""What the Tryton connector does beyond what every connector must: races, deletions, closing, inactive rows."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from concord.mdm.v1.cost_center_pb2 import CostCenter
from concord.mdm.v1.supplier_pb2 import Supplier
from services.adapter.systems.connector import Connector, Document, Value, Writing
from services.adapter.systems.remote_error import RemoteError, RemoteErrorKind
from services.erp_adapter.connectors.tryton import reading
from services.erp_adapter.connectors.tryton.rpc import TrytonClient
from tests.support.systems.tryton_erp import EVERY, Erp, running
from tools.postgres import PostgresServer

TODAY = date(2026, 11, 24)


@pytest.fixture(scope="module")
def erp(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erp]:
    with running(postgres, tmp_path_factory.mktemp("tryton"), "erp_behaviour") as erp:
        yield erp


def test_a_child_edited_since_is_a_conflict(erp: Erp) -> None:
    key = erp.new_party()
    before = _current(erp, key)
    address = _ids(erp, key, "addresses")[0]
    erp.client.write("party.address", [address], {"city": "Elsewhere"})
    with pytest.raises(RemoteError) as caught:
        _write(erp, "supplier", before, {"legal_name": "New"})
    assert caught.value.kind is RemoteErrorKind.CONFLICT
    assert erp.row(key, "name")["name"].strip() == "Becton"


@pytest.mark.parametrize("child", [False, True])
def test_an_edit_between_the_last_look_and_the_write_is_a_conflict(
    erp: Erp, monkeypatch: pytest.MonkeyPatch, *, child: bool
) -> None:
    key = erp.new_party()
    before = _current(erp, key)
    mechanism = _ids(erp, key, "contact_mechanisms")[0]
    write = TrytonClient.write

    def late(client: TrytonClient, *arguments: Any, **named: Any) -> None:
        monkeypatch.setattr(TrytonClient, "write", write)
        if child:
            erp.client.write("party.contact_mechanism", [mechanism], {"value": "+1 201-555-0100"})
        else:
            erp.edit(key, {"name": "Edited"})
        write(client, *arguments, **named)

    monkeypatch.setattr(TrytonClient, "write", late)
    with pytest.raises(RemoteError) as caught:
        _write(erp, "supplier", before, {"legal_name": "New", "phone": "+1 201-555-0199"})
    assert caught.value.kind is RemoteErrorKind.CONFLICT
    shown = _shown(erp, "supplier", _current(erp, key))
    assert (shown["legal_name"], shown["phone"]) != ("New", "+1 201-555-0199")


def test_a_pull_after_nothing_changed_reads_nothing_beyond_the_overlap(
    erp: Erp, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, cursor = _pull(erp.connector)
    within, _ = _pull(erp.connector, cursor)
    assert within.items() <= first.items()
    monkeypatch.setattr(reading, "OVERLAP", -timedelta(hours=1))
    assert _pull(erp.connector, cursor)[0] == {}


def test_a_row_that_is_gone_or_no_supplier_any_more_is_told_by_a_full_pull(erp: Erp) -> None:
    gone, left, kept = (erp.new_party() for _ in range(3))
    _, cursor = _pull(erp.connector)
    erp.client.call("model.party.party.delete", [int(gone.partition("/")[2])], context=EVERY)
    category = erp.number("party.category", "name", "Supplier")
    erp.edit(left, {"categories": [("remove", [category])]})
    documents, after = _pull(erp.connector, cursor, full=True)
    assert {key for key, each in documents.items() if each.deleted} == {gone, left}
    assert erp.connector.translate(documents[gone]).content == Supplier()
    assert not documents[kept].deleted
    assert not [each for each in _pull(erp.connector, after, full=True)[0].values() if each.deleted]
    assert erp.connector.current([gone, left]) == {gone: None, left: None}


def test_closing_and_reopening_a_cost_center_keeps_the_rest_of_its_note(erp: Erp) -> None:
    key = erp.new_account()
    closing: dict[str, Value] = {
        "slices.blocked_for_posting": True,
        "effective_period": {"first_day": "2014-01-01", "last_day": "2026-11-23"},
    }
    closed = _write(erp, "cost_center", _current(erp, key), closing)
    note = "Entity: general\nBudget: 12\nManager: Mossgrove\nValid from: 2014-01-01"
    assert erp.row(key, "state", "note") == {
        "id": int(key.partition("/")[2]),
        "state": "closed",
        "note": f"{note}\nValid to: 2026-11-23",
    }
    opening: dict[str, Value] = {
        "slices.blocked_for_posting": False,
        "effective_period": {"first_day": "2014-01-01", "last_day": None},
    }
    opened = _write(erp, "cost_center", closed, opening)
    assert erp.row(key, "state", "note")["note"] == note
    assert _shown(erp, "cost_center", opened)["slices.blocked_for_posting"] is False


def test_the_same_code_in_another_entity_is_another_cost_center(erp: Erp) -> None:
    key = erp.new_account("106777")
    golden = CostCenter(entity="entities/general", code="106777")
    assert erp.connector.find("cost_center", golden) == key
    golden.entity = "entities/fernhollow"
    assert erp.connector.find("cost_center", golden) is None


def test_an_inactive_party_is_read_activated_changed_and_deactivated(erp: Erp) -> None:
    key = erp.new_party()
    erp.edit(key, {"active": False})
    inactive = _current(erp, key)
    assert _shown(erp, "supplier", inactive)["status"] == "INACTIVE"
    active = _write(erp, "supplier", inactive, {"status": "ACTIVE", "legal_name": "Back"})
    assert erp.row(key, "name", "active") == {"id": int(key.partition("/")[2]), "name": "Back", "active": True}
    _write(erp, "supplier", active, {"status": "INACTIVE", "legal_name": "Gone", "phone": None})
    assert erp.row(key, "name", "active") == {"id": int(key.partition("/")[2]), "name": "Gone", "active": False}


def test_an_inactive_item_is_read_activated_and_changed(erp: Erp) -> None:
    key = erp.new_product()
    gone = _write(erp, "item", _current(erp, key), {"status": "INACTIVE", "display_name": "Old"})
    assert _shown(erp, "item", gone)["status"] == "INACTIVE"
    erp.client.write(
        "product.template",
        [erp.number("product.template", "products.id", int(key.partition("/")[2]))],
        {"active": False},
    )
    back = _write(erp, "item", _current(erp, key), {"status": "ACTIVE", "display_name": "New", "gmdn_code": "34917"})
    shown = _shown(erp, "item", back)
    assert (shown["status"], shown["display_name"], shown["gmdn_code"]) == ("ACTIVE", "New", "34917")


def test_taking_values_back_empties_them_and_nothing_else(erp: Erp) -> None:
    key = erp.new_party()
    before = _shown(erp, "supplier", _current(erp, key))
    site = next(path for path in before if path.startswith("sites["))
    taken = ["phone", "duns", "tax_ids[US/ein]", "payment_terms", site]
    after = _shown(erp, "supplier", _write(erp, "supplier", _current(erp, key), dict.fromkeys(taken)))
    assert after == {path: value for path, value in before.items() if path not in taken}


@pytest.mark.parametrize(
    "values",
    [{"payment_terms": "Net 12345"}, {"classifications[vendor_category/None]": True}, {"tax_ids[US/ein]": "1"}],
)
def test_what_tryton_refuses_is_permanent_and_changes_nothing(erp: Erp, values: dict[str, Value]) -> None:
    key = erp.new_party()
    before = _current(erp, key)
    with pytest.raises(RemoteError) as caught:
        _write(erp, "supplier", before, {"legal_name": "New", **values})
    assert caught.value.kind is RemoteErrorKind.PERMANENT
    assert _current(erp, key) == before


def _pull(connector: Connector, cursor: str = "", *, full: bool = False) -> tuple[dict[str, Document], str]:
    batches = list(connector.pull(cursor, full=full))
    return {each.key: each for batch in batches for each in batch.documents}, batches[-1].cursor


def _current(erp: Erp, key: str) -> Document:
    document = erp.connector.current([key])[key]
    assert document is not None
    return document


def _write(erp: Erp, record_type: str, current: Document, values: dict[str, Value]) -> Document:
    return erp.connector.write(Writing(record_type, Supplier(), values, replace(current)))


def _shown(erp: Erp, record_type: str, document: Document) -> dict[str, Value]:
    content = erp.connector.translate(document).content
    return dict(erp.connector.express(record_type, content, TODAY).values)


def _ids(erp: Erp, key: str, field: str) -> list[int]:
    ids = erp.row(key, field)[field]
    assert isinstance(ids, list)
    return ids
