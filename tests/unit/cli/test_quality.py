"""`concord quality`: a labelled set of anybody's own, and clear words for what is wrong with it."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from clients.cli.files import labelled_set
from clients.cli.mistake import Mistake
from concord.mdm.v1 import employee_pb2, item_pb2, supplier_pb2
from tests.support.command_line import CommandLine, too_wide

FIRMS = ("Acme Surgical", "Bolt Medical", "Cedar Labs", "Delta Implants", "Elm Devices", "Fir Pharma", "Gull Optics")


@pytest.fixture
def concord(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def write(path: Path, heading: str, rows: Sequence[Sequence[str]]) -> Path:
    path.write_text("\n".join([heading, *(",".join(row) for row in rows)]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    numbers = range(80)
    names = [f"{FIRMS[number % 7]} {chr(97 + number % 26)}{chr(97 + number // 4)}ton" for number in numbers]
    left = [
        [f"l{number}", names[number], f"312-555-{1000 + 13 * number}", f"{number + 3} Oak St"] for number in numbers
    ]
    right = [
        [f"r{number}", f"{names[number].upper()} Inc", f"(312) 555 {1000 + 13 * number}", f"{number + 3} Oak Street"]
        for number in numbers
    ]
    heading = "id,name,phone,street"
    return {
        "left": str(write(tmp_path / "left.csv", heading, left)),
        "right": str(write(tmp_path / "right.csv", heading, right)),
        "truth": str(write(tmp_path / "truth.csv", "a,b", [[f"l{number}", f"r{number}"] for number in numbers])),
    }


LABELS = ("--labels-share", "0.5")
MAPPING = "name=legal_name,phone=phone,street=sites.address.address_lines"


def arguments(files: dict[str, str], mapping: str = MAPPING) -> list[str]:
    named = [part for name, path in files.items() for part in (f"--{name}", path)]
    return ["quality", "--type", "supplier", *named, "--mapping", mapping, "--one-to-one"]


def test_the_figures_are_told_to_programs_and_people(concord: CommandLine, files: dict[str, str]) -> None:
    found = json.loads(concord.done(*arguments(files), "--json"))
    assert found["automatic"]
    assert found["candidate_recall"] == 1
    assert found["f1"] > 0.95
    told = concord.done(*arguments(files))
    assert "candidate recall" in told
    assert too_wide(told) == []


def test_names_alone_are_never_linked_and_that_is_said(concord: CommandLine, files: dict[str, str]) -> None:
    found = json.loads(concord.done(*arguments(files, "name=legal_name"), "--json"))
    assert (found["automatic"], found["links"]) == (False, 0)
    assert found["reviews"] > 0


def test_a_mapping_is_read_from_a_file_too(concord: CommandLine, files: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "mapping.json").write_text(json.dumps({"name": "legal_name", "phone": "phone"}))
    assert json.loads(concord.done(*arguments(files, str(tmp_path / "mapping.json")), "--json"))["automatic"]


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ("nmae=legal_name", "no column nmae"),
        ("name=legal_nmae", "no field legal_nmae"),
        ("name=sites.address", "no single value"),
        ("name=", "maps nothing"),
        ("nowhere.json", "can't be read"),
    ],
)
def test_a_mapping_that_does_not_fit_is_a_mistake_with_words(
    concord: CommandLine, files: dict[str, str], mapping: str, words: str
) -> None:
    said = concord(*arguments(files, mapping))
    assert said.status == 2
    assert words in said.err


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("left", "", "has no rows"),
        ("left", "id,name\n", "has no rows"),
        ("left", "id,name,phone,street\nl1,a,b,c\nl1,a,b,c\n", "two rows with id l1"),
        ("left", "id,name,name\n1,a,b\n", "two columns of one name"),
        ("left", "id,name\n1,a,b,c\n", "has 4 cells for 2 columns"),
        ("truth", "a,b\nl0,nobody\n", "names nobody"),
        ("truth", "a\nl0\n", "has one column"),
    ],
)
def test_a_file_that_is_no_labelled_set_is_a_mistake_with_words(
    concord: CommandLine, files: dict[str, str], name: str, text: str, words: str
) -> None:
    Path(files[name]).write_text(text)
    said = concord(*arguments(files))
    assert said.status == 2
    assert words in said.err


def test_a_type_that_is_not_matched_is_a_mistake(concord: CommandLine, files: dict[str, str]) -> None:
    said = concord(*[part.replace("supplier", "account") for part in arguments(files)])
    assert (said.status, "no record type that is matched" in said.err) == (2, True)


def test_columns_go_where_the_mapping_says() -> None:
    mapped = {
        "no": "home_address.address_lines",
        "st": "home_address.address_lines",
        "born": "birth_date",
        "id": "national_ids.value",
        "type": "worker_type",
    }
    row = {"no": "7", "st": " Oak  St", "born": "19560409", "id": "X1", "type": "contractor"}
    found = labelled_set.content(employee_pb2.Employee, mapped, row).message
    assert isinstance(found, employee_pb2.Employee)
    assert list(found.home_address.address_lines) == ["7", "Oak St"]
    assert (found.birth_date.year, found.birth_date.month, found.birth_date.day) == (1956, 4, 9)
    assert found.national_ids[0].value == "X1"
    assert found.worker_type == employee_pb2.Employee.WORKER_TYPE_CONTRACTOR


def test_amounts_are_read_exactly_and_words_for_none_are_left_out() -> None:
    priced, unpriced = (
        labelled_set.content(item_pb2.Item, {"price": "prices.price"}, {"price": text}) for text in ("$1,299.95", "n/a")
    )
    assert isinstance(priced.message, item_pb2.Item)
    assert (priced.message.prices[0].price.units, priced.message.prices[0].price.nanos) == (1299, 950_000_000)
    assert (priced.unread, unpriced) == ([], (item_pb2.Item(), ["price"]))


@pytest.mark.parametrize(
    ("field", "texts"),
    [
        ("birth_date", ("19560431", "1956-13-01", "9 April 1956", "19560409x", "00000409")),
        ("worker_type", ("boss", "worker")),
        ("national_ids.value", ()),
    ],
)
def test_what_no_field_can_hold_is_unread(field: str, texts: tuple[str, ...]) -> None:
    for text in texts:
        read = labelled_set.content(employee_pb2.Employee, {"cell": field}, {"cell": text})
        assert read == (employee_pb2.Employee(), ["cell"])
    assert labelled_set.content(employee_pb2.Employee, {"cell": field}, {"cell": " "}).unread == []


def test_cells_that_can_not_be_read_are_counted_and_named_with_the_first_line(
    concord: CommandLine, files: dict[str, str]
) -> None:
    """Two of them; the first stands behind a row that goes over two lines."""
    lines = Path(files["left"]).read_text(encoding="utf-8").splitlines()
    cells = [f"{line},active" for line in lines[1:]]
    cells[3] = cells[3].replace("Delta", '"Delta').replace(",312", '\n",312', 1)
    cells[6], cells[9] = f"{lines[7]},unknown", f"{lines[10]},none"
    Path(files["left"]).write_text("\n".join([f"{lines[0]},since", *cells]) + "\n", encoding="utf-8")
    mapping = f"{MAPPING},since=status"
    found = json.loads(concord.done(*arguments(files, mapping), "--json"))
    assert found["unread"] == [{"file": "left.csv", "column": "since", "field": "status", "cells": 2, "line": 9}]
    said = concord(*arguments(files, mapping))
    assert "2 cells of since, no status, first left.csv:9" in " ".join(f"{said.out} {said.err}".split())
    assert too_wide(said.out) == []


def test_labels_of_a_share_leave_figures_of_the_rest(concord: CommandLine, files: dict[str, str]) -> None:
    found, whole = (json.loads(concord.done(*arguments(files), *more, "--json")) for more in (LABELS, ()))
    assert found["f1"] > 0.95
    assert 0.25 * whole["links"] < found["links"] < 0.75 * whole["links"]
    assert concord(*arguments(files), "--labels-share", "1").status == 2


def test_columns_of_one_field_are_joined_and_old_encodings_are_read(tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_bytes('id,first,second\r\n1,Böhm,"Söhne, KG"\r\n'.encode("cp1252"))
    rows = labelled_set.table(path).rows
    found = labelled_set.content(
        supplier_pb2.Supplier, {"first": "legal_name", "second": "legal_name"}, rows[0]
    ).message
    assert isinstance(found, supplier_pb2.Supplier)
    assert found.legal_name == "Böhm Söhne, KG"


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="can't be read"):
        labelled_set.table(tmp_path / "none.csv")
