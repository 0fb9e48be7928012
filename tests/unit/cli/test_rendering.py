"""Messages as people see them: values, outlines, columns."""

import contextlib
import io
import unicodedata
import uuid

import pytest
from google.protobuf.any_pb2 import Any as PackedAny
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.status_pb2 import Status
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from clients.cli.display import leaf_table, outline, values
from clients.cli.display.columns import Column, columns, cut, fitting
from clients.cli.display.output import Output
from clients.cli.mistake import Mistake
from concord.audit.v1.audit_pb2 import OPERATION_UPDATE, Leaf, LeafEntry
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1.cost_center_pb2 import CostCenter, CostCenterSlice
from concord.mdm.v1.ingest_pb2 import SourceRecord
from concord.mdm.v1.match_queue_pb2 import MatchCandidate
from concord.mdm.v1.pin_pb2 import Pin
from concord.mdm.v1.record_pb2 import EffectivePeriod
from concord.mdm.v1.supplier_pb2 import Supplier
from services.mesh.errors import ConcordError, FieldViolation, to_status

WIDTH = 80
MAY_2026 = Date(year=2026, month=5, day=1)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (MAY_2026, "2026-05-01"),
        (Date(year=2026), "2026"),
        (Money(currency_code="USD", units=-3, nanos=-50_000_000), "-3.05 USD"),
        (Money(currency_code="EUR", units=12), "12.00 EUR"),
        (Money(currency_code="EUR", nanos=1), "0.000000001 EUR"),
        (EffectivePeriod(), "always"),
        (EffectivePeriod(start_date=MAY_2026), "from 2026-05-01"),
        (EffectivePeriod(end_date=MAY_2026), "until 2026-05-01"),
        (EffectivePeriod(start_date=Date(year=2025, month=1, day=1), end_date=MAY_2026), "2025-01-01 until 2026-05-01"),
        (Timestamp(seconds=1), "1970-01-01T00:00:01Z"),
        (Status(code=14, message="gone"), "DEPENDENCY_UNAVAILABLE: gone"),
    ],
)
def test_common_messages_have_a_form_of_their_own(message: object, shown: str) -> None:
    assert values.message_text(message) == shown  # type: ignore[arg-type]


def test_a_refusal_names_the_fields_that_it_is_about() -> None:
    broken = [FieldViolation("content.duns", "has a wrong check digit"), FieldViolation("", "says nothing")]
    error = ConcordError(reasons.ERROR_REASON_CONSTRAINT_VIOLATED, "2 constraints", violations=broken)
    shown = values.message_text(to_status(error))
    assert shown == "CONSTRAINT_VIOLATED: content.duns has a wrong check digit; says nothing"


def test_a_list_has_a_column_for_states_that_are_not_all_the_usual_one() -> None:
    def titles(*states: Pin.State.ValueType) -> list[str]:
        return [column.title for column in columns([Pin(name="pins/1", state=each) for each in states])]

    assert titles(Pin.STATE_ACTIVE, Pin.STATE_ACTIVE) == ["NAME"]
    assert titles(Pin.STATE_ACTIVE, Pin.STATE_EXPIRED) == ["NAME", "STATE"]
    assert titles(Pin.STATE_UNPINNED) == ["NAME", "STATE"]


def test_an_enum_is_shown_without_its_types_name() -> None:
    field = Supplier.DESCRIPTOR.fields_by_name["status"]
    assert values.text(field, Supplier.STATUS_ON_HOLD) == "on_hold"
    assert values.text(field, 4711) == "4711"


def test_an_outline_indents_parts_and_marks_where_each_begins() -> None:
    center = CostCenter(code="1", slices=[CostCenterSlice(display_name="A", manager="M"), CostCenterSlice(manager="N")])
    shown = [(line.depth, line.label, line.value) for line in outline.lines(center)]
    assert shown == [
        (0, "code", "1"),
        (0, "slices", ""),
        (1, "- display_name", "A"),
        (1, "  manager", "M"),
        (1, "- manager", "N"),
    ]


def test_an_outline_shows_what_an_any_holds_and_names_a_type_that_is_unknown() -> None:
    said = SourceRecord(key="1")
    said.content.Pack(Supplier(legal_name="Acme"))
    assert outline.Line(1, "legal_name", "Acme") in list(outline.lines(said))
    unknown = PackedAny(type_url="type.googleapis.com/acme.Thing", value=b"\1")
    assert list(outline.lines(unknown)) == [outline.Line(0, "type", "acme.Thing")]


def test_columns_are_those_with_values_without_bookkeeping() -> None:
    found = columns([Supplier(name="suppliers/1", etag="e", legal_name="A"), Supplier(name="suppliers/2", duns="1")])
    assert [column.title for column in found] == ["NAME", "LEGAL_NAME", "DUNS"]
    assert found[2].cells == ("", "1")


def test_a_column_looks_into_parts_and_says_every_different_value_once() -> None:
    slices = [CostCenterSlice(display_name=name) for name in ("ED", "ED", "Emergency")]
    (column,) = columns([CostCenter(slices=slices)], ["slices.display_name"])
    assert (column.title, column.cells) == ("DISPLAY_NAME", ("ED; Emergency",))


def test_a_column_that_there_is_not_is_refused_with_what_was_meant() -> None:
    with pytest.raises(Mistake) as refused:
        columns([Supplier(name="suppliers/1")], ["legal_nmae"])
    assert refused.value.hint == "did you mean legal_name?"


@given(
    st.lists(st.text(max_size=60), min_size=1, max_size=5),
    st.integers(min_value=1, max_value=6),
    st.integers(min_value=70, max_value=200),
)
def test_columns_that_fit_never_exceed_the_width_and_never_cut_the_first(
    texts: list[str], count: int, width: int
) -> None:
    rows = tuple("".join(each for each in text if unicodedata.category(each)[0] != "C") for text in texts)
    given_columns = [Column(f"C{number}", rows) for number in range(count)]
    shown = fitting(given_columns, width)
    needed = given_columns[0].width
    assert shown[0] == given_columns[0]
    assert sum(column.width for column in shown) + 2 * (len(shown) - 1) <= max(width, needed)


@given(st.text(max_size=40), st.integers(min_value=1, max_value=30))
def test_a_cut_text_fits_and_an_uncut_one_is_the_same(text: str, width: int) -> None:
    shown = cut(text, width)
    assert cell_len(shown) <= width
    assert cell_len(text) > width or shown == text


def test_what_would_control_the_terminal_is_not_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    Output().record(Supplier(legal_name="Acme\x1b[2J\x9b31m Inc"))
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\x9b" not in said
    assert "Acme" in said


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=300))
def test_no_line_of_an_outline_exceeds_the_terminal(text: str) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("COLUMNS", str(WIDTH))
        said = _printed(Supplier(name="suppliers/1", legal_name=text))
    assert [line for line in said.splitlines() if cell_len(line) > WIDTH] == []


def test_names_of_a_list_stay_whole_where_they_fit_a_line_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    names = [f"systems/workforce/sourceRecords/01a22c9c-c91a-726c-a6c6-62751cd40f4{number}" for number in range(2)]
    shown = _printed(MatchCandidate(name="matchCandidates/1", source_records=names, score_millibits=1))
    assert shown.splitlines()[1:4] == ["source_records", f"  {names[0]},", f"  {names[1]}"]


def test_what_is_compared_is_never_cut(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    long = "+1 847-555-0111 extension 12345678"
    compared = [Column("PATH", ("phone",)), *(Column(title, (f"{long} {title}",)) for title in ("BASE", "WANTED"))]
    Output().table(compared, [column.title for column in compared])
    shown = capsys.readouterr().out
    assert f"{long} BASE" in shown
    assert f"{long} WANTED" in shown
    Output().table(compared)
    assert "…" in capsys.readouterr().out


@pytest.mark.parametrize("actor", ["steward@example.org", "a-service-account-of-a-long-name@example.org"])
def test_who_and_when_are_whole_in_tables_of_evidence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, actor: str
) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    leaf = Leaf(record=f"suppliers/{uuid.UUID(int=1)}", actor=actor, operation=OPERATION_UPDATE)
    leaf.occurred_at.FromJsonString("2026-12-01T08:00:00.123456Z")
    leaf.fields.add(path="bank_accounts[0].account_number")
    for titles in (("revision", "occurred_at", "actor", "changed"), ("record", "occurred_at", "actor", "changed")):
        leaf_table.show(Output(), [LeafEntry(leaf=leaf)], titles, "changes")
        shown = capsys.readouterr().out
        assert "2026-12-01T08:00:00.123456Z" in shown
        assert actor in shown
        assert [line for line in shown.splitlines() if cell_len(line) > WIDTH] == []


def _printed(message: Message) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        Output().record(message)
    return out.getvalue()


def test_without_a_terminal_and_without_columns_nothing_is_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    long = "x" * 300
    Output().records([Supplier(name="suppliers/1", legal_name=long)], "suppliers")
    assert long in capsys.readouterr().out


def test_values_that_are_json_are_told_as_people_read_them() -> None:
    assert values.said('"Acme"') == "Acme"
    assert values.said('{"lines": ["1 Main St"], "postal_code": "12345"}') == "lines: 1 Main St, postal_code: 12345"
    assert values.said("not json") == "not json"
