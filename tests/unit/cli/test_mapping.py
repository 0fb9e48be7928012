"""Mappings and what they make of rows: declared, not guessed, and every mistake told where it is."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from clients.cli.files import mapping
from clients.cli.files.cells import Cell
from clients.cli.files.translation import Translation
from clients.cli.mistake import Mistake
from concord.mdm.v1 import ingest_pb2, item_pb2, supplier_pb2

Supplier = supplier_pb2.Supplier


def written(directory: Path, text: str, name: str = "mapping.json") -> Path:
    path = directory / name
    path.write_text(text)
    return path


def translated(
    tmp_path: Path, said: Mapping[str, Any], row: Mapping[str, Cell], kind: type[Message] = Supplier
) -> tuple[Any, list[tuple[str, str]]]:
    descriptor: Descriptor = kind.DESCRIPTOR  # type: ignore[assignment] # the stubs' two names of one class
    translation = Translation(mapping.read(written(tmp_path, json.dumps(said))), descriptor)
    message = kind()
    problems = translation.fill(row, message)
    return message, [(problem.column, problem.message) for problem in problems]


def test_json_and_csv_say_the_same(tmp_path: Path) -> None:
    in_json = """{"No": "@key", "Day": {"path": "@source_time", "format": "%d.%m.%Y"},
        "On": {"path": "status", "values": {"X": "STATUS_ON_HOLD", "": "STATUS_ACTIVE"}},
        "sites[0].code": {"constant": "main"}}"""
    in_csv = (
        "column,path,format,values,constant\nNo,@key,,,\nDay,@source_time,%d.%m.%Y,,\n"
        "On,status,,X=STATUS_ON_HOLD;=STATUS_ACTIVE,\n,sites[0].code,,,main\n"
    )
    assert mapping.read(written(tmp_path, in_json)) == mapping.read(written(tmp_path, in_csv, "mapping.csv"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no columns named column and path"),
        ("{", "is no JSON"),
        ("{}", "maps nothing"),
        ('{"A": "x", "A": "y"}', "has the column 'A' twice"),
        ('{"A": "x", "B": "x"}', "has the path 'x' twice"),
        ('{"A": 1}', "'A' has to be a path"),
        ('{"A": {"path": "x", "fromat": "%d"}}', "'A' says 'fromat'"),
        ('{"A": {"path": "x", "decimal": 1}}', "no text"),
        ('{"A": {"format": "%d"}}', "needs a path"),
        ("column,path\nA,\n", "line 2 needs a path"),
        ("column,path,values\nA,x,on\n", "line 2: 'on' are no values"),
    ],
)
def test_a_mistake_in_a_mapping_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(Mistake) as raised:
        mapping.read(written(tmp_path, text))
    assert told in raised.value.message


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("legal_nam", "did you mean legal_name?"),
        ("sites[0].adress.locality", "did you mean address?"),
        ("legal_name[0]", "write legal_name without [0]"),
        ("payment_terms", "code, display_name, net_days"),
        ("sites[x].code", "did you mean sites?"),
    ],
)
def test_a_path_that_the_type_does_not_have_is_told_with_the_nearest(tmp_path: Path, path: str, told: str) -> None:
    with pytest.raises(Mistake) as raised:
        translated(tmp_path, {"A": path}, {"A": "x"})
    assert told in raised.value.hint


def test_columns_must_be_there_once(tmp_path: Path) -> None:
    said = mapping.read(written(tmp_path, '{"Name": "legal_name"}'))
    with pytest.raises(Mistake, match="no column 'Name'"):
        mapping.require_columns(said, ["name", "town"], "file.csv")
    with pytest.raises(Mistake, match="'Name' twice"):
        mapping.require_columns(said, ["Name", "Name"], "file.csv")


def test_a_row_becomes_a_record_with_its_lists_and_constants(tmp_path: Path) -> None:
    said = {
        "Name": "legal_name",
        "Trades as": {"path": "trading_names", "separator": ";"},
        "Days": "payment_terms.net_days",
        "EIN": "tax_ids[0].value",
        "tax_ids[0].country": {"constant": "US"},
        "tax_ids[0].scheme": {"constant": "ein"},
        "Street": "sites[0].address.address_lines",
        "Town": "sites[0].address.locality",
        "sites[0].code": {"constant": "main"},
        "Second town": "sites[1].address.locality",
        "Second": "sites[1].code",
    }
    row: dict[str, Cell] = {"Name": " Acme ", "Trades as": "A; B", "Days": "30", "EIN": "", "Street": "1 Mill Road"}
    row |= {"Town": "Ashford", "Second town": "Bray", "Second": "b"}
    message, problems = translated(tmp_path, said, row)
    assert problems == []
    expected = Supplier(legal_name="Acme", trading_names=["A", "B"])
    expected.payment_terms.net_days = 30
    for code, town in (("main", "Ashford"), ("b", "Bray")):
        expected.sites.add(code=code).address.locality = town
    expected.sites[0].address.address_lines.append("1 Mill Road")
    assert message == expected
    only_second, _ = translated(tmp_path, said, dict.fromkeys(row, "") | {"Second town": "Bray", "Second": "b"})
    assert [(site.code, site.address.locality) for site in only_second.sites] == [("b", "Bray")]


@pytest.mark.parametrize(
    ("form", "cell", "units", "nanos"),
    [
        ({"currency": "EUR"}, "1234.5", 1234, 500_000_000),
        ({"currency": "EUR", "decimal": ",", "thousands": "."}, "1.234,50", 1234, 500_000_000),
        ({"currency": "EUR"}, "-0.25", 0, -250_000_000),
        ({"currency": "EUR"}, Decimal("7.10"), 7, 100_000_000),
        ({"currency": "EUR"}, 12, 12, 0),
    ],
)
def test_money_is_read_as_declared(tmp_path: Path, form: dict[str, str], cell: Cell, units: int, nanos: int) -> None:
    item, problems = translated(tmp_path, {"P": {"path": "prices[0].price", **form}}, {"P": cell}, item_pb2.Item)
    price = item.prices[0].price
    assert (problems, price.currency_code, price.units, price.nanos) == ([], "EUR", units, nanos)


def test_money_without_a_declared_currency_is_refused_before_any_row(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="declare its currency"):
        translated(tmp_path, {"P": "prices[0].price"}, {"P": "1"}, item_pb2.Item)


@pytest.mark.parametrize(
    ("path", "form", "cell", "told"),
    [
        ("prices[0].price", {"currency": "EUR"}, "1,50", "is no number such as 1234.50: declare decimal and thousands"),
        ("prices[0].price", {"currency": "EUR", "decimal": ","}, "1.50", "is no number with the decimal ','"),
        ("prices[0].price", {"currency": "EUR"}, "NaN", "is no number"),
        ("stocked", {}, "Y", "is neither true nor false: declare the mapping's values"),
        ("status", {}, "active", "is none of STATUS_ACTIVE, STATUS_PHASING_OUT, STATUS_INACTIVE"),
        ("status", {"values": {"A": "STATUS_ACTIVE"}}, "B", "is none of 'A': add it to the mapping's values"),
        ("pack_conversions[0].numerator", {}, "1.5", "is no whole number"),
    ],
)
def test_a_cell_that_says_nothing_its_field_can_hold_is_told_with_the_fix(
    tmp_path: Path, path: str, form: dict[str, Any], cell: str, told: str
) -> None:
    _, problems = translated(tmp_path, {"C": {"path": path, **form}}, {"C": cell}, item_pb2.Item)
    assert len(problems) == 1
    assert problems[0][0] == "C"
    assert told in problems[0][1]


@pytest.mark.parametrize(
    ("form", "cell"),
    [({}, "2026-03-04"), ({"format": "%d/%m/%Y"}, "04/03/2026"), ({"format": "%d/%m/%Y"}, date(2026, 3, 4))],
)
def test_days_are_iso_8601_or_of_a_declared_form(tmp_path: Path, form: dict[str, str], cell: Cell) -> None:
    path = "diversity_certificates[0].expire_date"
    message, problems = translated(tmp_path, {"D": {"path": path, **form}}, {"D": cell})
    found = message.diversity_certificates[0].expire_date
    assert (problems, found.year, found.month, found.day) == ([], 2026, 3, 4)


def test_a_day_of_another_form_is_not_guessed(tmp_path: Path) -> None:
    path = "diversity_certificates[0].expire_date"
    _, problems = translated(tmp_path, {"D": path}, {"D": "04/03/2026"})
    assert problems == [("D", "is no date such as 2026-11-25: declare the mapping's format")]
    _, problems = translated(tmp_path, {"D": {"path": path, "format": "%d/%m/%Y"}}, {"D": "2026-03-04"})
    assert problems == [("D", "is no date of the form %d/%m/%Y")]


def test_times_without_a_zone_are_utc(tmp_path: Path) -> None:
    said = {"T": "source_time", "K": "key"}
    for cell, hour in (
        ("2026-03-04T12:00", 12),
        ("2026-03-04T12:00+02:00", 10),
        (datetime(2026, 3, 4, 12, tzinfo=UTC), 12),
    ):
        message, problems = translated(tmp_path, said, {"T": cell, "K": 17}, ingest_pb2.SourceRecord)
        assert (problems, message.source_time.ToDatetime().hour, message.key) == ([], hour, "17")


def test_what_the_hub_refuses_is_told_by_its_column(tmp_path: Path) -> None:
    said = mapping.read(written(tmp_path, '{"Number": "tax_ids[0].value", "Town": "sites[0].address.locality"}'))
    translation = Translation(said, Supplier.DESCRIPTOR)
    assert translation.column_of("tax_ids[US/ein].value") == "Number"
    assert translation.column_of("sites[0].address") == "Town"
    assert translation.column_of("legal_name") == ""
