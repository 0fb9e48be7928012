"""What the Tryton connector does with locations and accounts beyond what every connector must."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from uuid import uuid4

import pytest

from concord.mdm.v1.account_pb2 import Account, AccountSlice
from concord.mdm.v1.cost_center_pb2 import HierarchyParent
from concord.mdm.v1.location_pb2 import Location, LocationSlice
from services.adapter.systems.connector import Document, UntranslatableError, Value, Writing
from services.adapter.systems.remote_error import RemoteError, RemoteErrorKind
from services.erp_adapter.connectors.tryton import reading
from tests.support.systems.tryton_erp import EVERY, Erp, running
from tools.postgres import PostgresServer

TODAY = date(2026, 11, 24)


@pytest.fixture(scope="module")
def erp(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erp]:
    with running(postgres, tmp_path_factory.mktemp("tryton"), "erp_places") as erp:
        yield erp


def test_a_warehouse_is_read_with_its_address_its_number_and_its_entity(erp: Erp) -> None:
    place = _place(erp, _key(erp, "L10-WH"))
    assert (place.entity, place.kind) == ("entities/general", Location.KIND_WAREHOUSE)
    assert place.gln == "9520007002179"
    address = place.slices[0].address
    assert (address.region_code, address.administrative_area, list(address.address_lines)) == (
        "US",
        "OR",
        ["400 Estuary Avenue"],
    )


def test_a_new_number_of_an_address_is_a_change_of_the_warehouse(erp: Erp) -> None:
    key = _key(erp, "L10-WH")
    _, cursor = _pull(erp)
    address = erp.row(key, "address")["address"]
    [mechanism] = erp.client.search_read("party.contact_mechanism", [("address", "=", address)], ["value"])
    erp.client.write("party.contact_mechanism", [mechanism["id"]], {"value": "GLN:9520472076026"})
    changed = _pull(erp, cursor)[0][key]
    content = erp.connector.translate(changed).content
    assert isinstance(content, Location)
    assert content.gln == "9520472076026"
    erp.client.write("party.contact_mechanism", [mechanism["id"]], {"value": mechanism["value"]})


def test_the_new_code_of_a_place_is_a_change_of_what_lies_below_it(erp: Erp) -> None:
    parent = erp.new_location()
    key = erp.new_location(parent=int(parent.partition("/")[2]))
    _, cursor = _pull(erp)
    code = uuid4().hex[:8]
    erp.edit(parent, {"code": code})
    assert key in _pull(erp, cursor)[0]
    assert _place(erp, key).slices[0].parents[0].parent_code == code


def test_a_place_that_is_not_active_any_more_is_gone_with_the_next_poll_and_comes_back(erp: Erp) -> None:
    key = erp.new_location()
    _, cursor = _pull(erp)
    erp.edit(key, {"active": False})
    told, cursor = _pull(erp, cursor)
    assert told[key].deleted
    assert key not in _pull(erp, cursor)[0]
    assert erp.connector.translate(told[key]).content == Location()
    erp.edit(key, {"active": True})
    assert not _pull(erp, cursor)[0][key].deleted


def test_a_place_that_was_not_active_when_it_was_first_seen_is_not_told(erp: Erp) -> None:
    key = erp.new_location()
    erp.edit(key, {"active": False})
    assert key not in _pull(erp)[0]


def test_a_cursor_from_before_places_were_read_reads_all_of_them_once(
    erp: Erp, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything, cursor = _pull(erp)
    told = json.loads(cursor)
    del told["known"]["stock.location"]
    monkeypatch.setattr(reading, "OVERLAP", -timedelta(hours=1))
    read, cursor = _pull(erp, json.dumps(told))
    assert read.keys() == everything.keys()
    assert not _pull(erp, cursor)[0]


def test_what_is_no_place_of_the_organisation_is_not_read(erp: Erp) -> None:
    every = erp.client.search_read("stock.location", [], ["type"], context=EVERY)
    elsewhere = {
        f"stock.location/{row['id']}" for row in every if row["type"] in {"supplier", "customer", "lost_found"}
    }
    assert len(elsewhere) == 3
    assert not elsewhere & _pull(erp)[0].keys()
    assert set(erp.connector.current(elsewhere).values()) == {None}


def test_a_place_or_an_account_without_a_code_is_untranslatable_and_names_the_field(erp: Erp) -> None:
    place, account = erp.new_location(code=None), erp.new_ledger_account(code=None)
    read, _ = _pull(erp)
    for key, field in ((place, "location.code"), (account, "account.code")):
        with pytest.raises(UntranslatableError) as caught:
            erp.connector.translate(read[key])
        assert caught.value.field == field
    for key in (place, account):
        erp.edit(key, {"code": uuid4().hex[:8]})


def test_the_same_code_in_another_entity_is_another_place(erp: Erp) -> None:
    code = uuid4().hex[:8]
    key = erp.new_location(code=code)
    other = erp.new_location(code=code, parent=erp.number("stock.location", "code", "L00"))
    assert erp.connector.find("location", Location(entity="entities/general", code=code)) == key
    assert erp.connector.find("location", Location(entity="entities/saltmarsh", code=code)) == other
    assert erp.connector.find("location", Location(entity="entities/elsewhere", code=code)) is None


def test_a_place_whose_parent_nobody_says_is_created_below_the_one_that_stands_for_its_entity(erp: Erp) -> None:
    golden = _new_place(uuid4().hex[:8])
    key = _create(erp, "location", golden)
    assert erp.row(key, "parent.code")["parent."]["code"] == "L10"
    below: dict[str, Value] = {"slices.parents[stock]": "L10-MT"}
    moved = _write(erp, "location", _current(erp, key), below)
    top: dict[str, Value] = {"slices.parents[stock]": None}
    _write(erp, "location", moved, top)
    assert erp.row(key, "parent.code")["parent."]["code"] == "L10"


def test_the_place_that_stands_for_an_entity_hangs_below_one_of_another(erp: Erp) -> None:
    key = _key(erp, "L10")
    parents = _place(erp, key).slices[0].parents
    assert [(each.parent_scope, each.parent_code) for each in parents] == [("entities/saltmarsh", "L00")]
    before = _current(erp, key)
    values: dict[str, Value] = {"slices.parents[stock]": {"scope": "entities/saltmarsh", "code": "L00"}}
    assert erp.connector.translate(_write(erp, "location", before, values)) == erp.connector.translate(before)


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "WAREHOUSE"},
        {"slices.parents[stock]": "None"},
        {"slices.parents[stock]": {"scope": "entities/saltmarsh", "code": "L00"}},
        {"identity": {"entity": "entities/saltmarsh", "code": "X"}},
        {"slices.display_name": None},
    ],
)
def test_what_a_place_can_not_become_is_permanent_and_changes_nothing(erp: Erp, values: dict[str, Value]) -> None:
    key = erp.new_location()
    before = _current(erp, key)
    with pytest.raises(RemoteError) as caught:
        _write(erp, "location", before, {"slices.display_name": "New", **values})
    assert caught.value.kind is RemoteErrorKind.PERMANENT
    assert _current(erp, key) == before


def test_an_account_that_has_ended_is_read_and_can_be_written(erp: Erp) -> None:
    key = erp.new_ledger_account(end_date=date(2020, 12, 31), closed=True)
    ended = _account(erp, key)
    assert (ended.effective_period.end_date.year, ended.effective_period.end_date.month) == (2021, 1)
    assert ended.slices[0].blocked_for_posting
    again: dict[str, Value] = {
        "effective_period": {"first_day": "2020-01-01", "last_day": None},
        "slices.blocked_for_posting": False,
        "slices.display_name": "Back",
    }
    _write(erp, "account", _current(erp, key), again)
    assert erp.row(key, "name", "closed", "end_date", "active") == {
        "id": int(key.partition("/")[2]),
        "name": "Back",
        "closed": False,
        "end_date": None,
        "active": True,
    }


def test_an_account_of_the_chart_s_template_keeps_a_change_when_the_chart_is_updated(erp: Erp) -> None:
    [template] = erp.client.create("account.account.template", [{"name": "Template", "code": uuid4().hex[:8]}])
    key = erp.new_ledger_account(template=template)
    _write(erp, "account", _current(erp, key), {"slices.display_name": "Corrected"})
    assert erp.row(key, "template_override")["template_override"] is True


def test_a_summing_account_is_created_without_a_type_and_one_below_it_takes_the_only_type_that_fits(erp: Erp) -> None:
    summing = Account(ledger="ledgers/main", account_number=uuid4().hex[:8], summary=True)
    summing.slices.append(AccountSlice(display_name="Deposits"))
    assert _account(erp, _create(erp, "account", summing)).summary
    posted = _new_account(summing.account_number)
    key = _create(erp, "account", posted)
    assert erp.row(key, "type.name")["type."]["name"] == "Cash"
    assert erp.connector.find("account", posted) == key
    posted.ledger = "ledgers/other"
    assert erp.connector.find("account", posted) is None


def test_an_account_of_a_type_that_several_or_none_say_is_not_created(erp: Erp) -> None:
    golden = _new_account("10")
    golden.type = Account.TYPE_REVENUE
    with pytest.raises(RemoteError, match="0 types of accounts") as caught:
        _create(erp, "account", golden)
    assert caught.value.kind is RemoteErrorKind.PERMANENT
    row = {"statement": "income", "revenue": True, "company": 1}
    sales, grants = erp.client.create("account.account.type", [{**row, "name": "Sales"}, {**row, "name": "Grants"}])
    with pytest.raises(RemoteError, match="2 types of accounts"):
        _create(erp, "account", golden)
    golden.slices[0].parents[0].parent_code = uuid4().hex[:8]
    above = {"code": golden.slices[0].parents[0].parent_code, "name": "Grants", "company": 1, "type": grants}
    erp.client.create("account.account", [above], context=EVERY)
    key = _create(erp, "account", golden)
    assert erp.row(key, "type")["type"] == grants
    assert sales != grants


def test_an_account_without_name_number_or_type_is_not_created(erp: Erp) -> None:
    with pytest.raises(RemoteError, match=r"Tryton needs identity, slices\.display_name, type") as caught:
        erp.connector.write(Writing("account", Account(), {"slices.blocked_for_posting": True}, None))
    assert caught.value.kind is RemoteErrorKind.PERMANENT


def _new_place(code: str) -> Location:
    slices = [LocationSlice(display_name="Cabinet")]
    return Location(name="locations/1", entity="entities/general", code=code, kind=Location.KIND_STORAGE, slices=slices)


def _new_account(parent: str) -> Account:
    parents = [HierarchyParent(hierarchy="chart", parent_code=parent)]
    return Account(
        name="accounts/1",
        ledger="ledgers/main",
        account_number=uuid4().hex[:8],
        type=Account.TYPE_ASSET,
        slices=[AccountSlice(display_name="Deposit", parents=parents)],
    )


def _key(erp: Erp, code: str) -> str:
    return f"stock.location/{erp.number('stock.location', 'code', code)}"


def _place(erp: Erp, key: str) -> Location:
    content = erp.connector.translate(_current(erp, key)).content
    assert isinstance(content, Location)
    return content


def _account(erp: Erp, key: str) -> Account:
    content = erp.connector.translate(_current(erp, key)).content
    assert isinstance(content, Account)
    return content


def _create(erp: Erp, record_type: str, golden: Location | Account) -> str:
    values = erp.connector.express(record_type, golden, TODAY).values
    return erp.connector.write(Writing(record_type, golden, values, None)).key


def _pull(erp: Erp, cursor: str = "") -> tuple[dict[str, Document], str]:
    batches = list(erp.connector.pull(cursor, full=False))
    return {each.key: each for batch in batches for each in batch.documents}, batches[-1].cursor


def _current(erp: Erp, key: str) -> Document:
    document = erp.connector.current([key])[key]
    assert document is not None
    return document


def _write(erp: Erp, record_type: str, current: Document, values: dict[str, Value]) -> Document:
    return erp.connector.write(Writing(record_type, Location(), values, current))
