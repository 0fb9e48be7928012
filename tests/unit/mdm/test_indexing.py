from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from concord.mdm.v1 import cost_center_pb2, item_pb2, supplier_pb2
from services.mdm.domain.identifiers import normalise
from services.mdm.domain.indexing import (
    IdentifierPath,
    IndexEntry,
    canonical,
    identifier_paths,
    index_entries,
    is_restricted,
)
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.domain.slot import differing_fields
from services.mdm.domain.types.cost_center import COST_CENTER
from services.mdm.domain.types.item import ITEM
from services.mdm.domain.types.supplier import SUPPLIER
from tests.support.samples.periods import period_message
from tests.support.samples.strategies import FIRST_DAY, contents, suppliers


@given(
    st.sampled_from(RECORD_TYPES).flatmap(lambda kind: st.tuples(st.just(kind), contents(kind), contents(kind))),
)
def test_entries_differ_only_where_fields_do(case: tuple[RecordType, Message, Message]) -> None:
    kind, one, other = case
    fields = differing_fields(one, other)
    assert index_entries(kind, one) ^ index_entries(kind, other) == index_entries(kind, one, fields) ^ index_entries(
        kind, other, fields
    )


def _values(message: Message, path: str) -> list[Any]:
    """Return what is set at a path, followed step by step."""
    name, _, rest = path.partition(".")
    set_fields = {field.name: (field, value) for field, value in message.ListFields()}
    if name not in set_fields:
        return []
    field, value = set_fields[name]
    parts = [part for part in (value if field.is_repeated else [value]) if part or field.has_presence]
    return [deeper for part in parts for deeper in _values(part, rest)] if rest else parts


@given(st.sampled_from(RECORD_TYPES).flatmap(lambda kind: st.tuples(st.just(kind), contents(kind))))
def test_every_set_value_of_a_declared_path_is_an_entry_and_nothing_else(case: tuple[RecordType, Message]) -> None:
    kind, content = case
    entries = index_entries(kind, content)
    for path in kind.filterable:
        values = _values(content, path)
        spelt = {value.strip().casefold() for value in values if isinstance(value, str)}
        found = {entry.value for entry in entries if entry.path == path}
        assert spelt <= found
        assert bool(values) == bool(found)
        assert len(found) <= len(values)
    for searched in identifier_paths(kind):
        bare = {normalise(str(value)) for value in _values(content, searched.path)} - {""}
        assert {entry.value for entry in entries if entry.path == searched.index_path} == bare
    assert {entry.path for entry in entries} <= {*kind.filterable, *(one.index_path for one in identifier_paths(kind))}


def test_a_flag_that_is_said_to_be_false_differs_from_one_that_is_not_said() -> None:
    assert differing_fields(item_pb2.Item(sterile=False), item_pb2.Item()) == {"sterile"}


def test_text_is_trimmed_and_folded_and_enums_are_named() -> None:
    content = supplier_pb2.Supplier(legal_name=" Böhm & Söhne ", status=supplier_pb2.Supplier.STATUS_ON_HOLD)
    assert index_entries(SUPPLIER, content) == {
        IndexEntry("legal_name", "böhm & söhne", restricted=False),
        IndexEntry("status", "STATUS_ON_HOLD", restricted=False),
    }


def test_every_element_of_a_repeated_field_has_its_entry_once() -> None:
    content = supplier_pb2.Supplier(trading_names=["A", "B", "a"])
    assert sorted(entry.value for entry in index_entries(SUPPLIER, content)) == ["a", "b"]


def test_a_tax_id_is_marked_as_restricted_for_filter_and_search() -> None:
    content = supplier_pb2.Supplier()
    content.tax_ids.add(country="US", scheme="ein", value="12-3456789")
    assert {entry for entry in index_entries(SUPPLIER, content) if entry.restricted} == {
        IndexEntry("tax_ids.value", "12-3456789", restricted=True),
        IndexEntry("tax_ids.value~search", "123456789", restricted=True),
    }
    assert is_restricted(SUPPLIER, "tax_ids.value")
    assert not is_restricted(SUPPLIER, "tax_ids.scheme")


@given(suppliers)
def test_a_bank_account_is_in_no_entry(content: supplier_pb2.Supplier) -> None:
    for account in content.bank_accounts:
        account.account_number = "secret-number"
    assert not any("secret" in entry.value for entry in index_entries(SUPPLIER, content))


def test_flags_count_when_they_are_set_even_to_false() -> None:
    entries = index_entries(ITEM, item_pb2.Item(sterile=False, stocked=True))
    assert {(entry.path, entry.value) for entry in entries} == {("sterile", "false"), ("stocked", "true")}


def test_days_are_written_so_that_they_sort() -> None:
    content = cost_center_pb2.CostCenter(effective_period=period_message(FIRST_DAY, None))
    assert index_entries(COST_CENTER, content) == {
        IndexEntry("effective_period.start_date", "2024-01-01", restricted=False),
    }


def test_search_knows_its_paths_and_which_are_restricted() -> None:
    paths = identifier_paths(SUPPLIER)
    assert IdentifierPath("tax_ids.value", "tax_ids.value~search", restricted=True) in paths
    assert IdentifierPath("lei", "lei~search", restricted=False) in paths


@pytest.mark.parametrize(
    ("path", "literal", "expected"),
    [("legal_name", " ACME ", "acme"), ("status", "STATUS_ACTIVE", "STATUS_ACTIVE")],
)
def test_a_literal_is_spelled_as_the_index_spells_values(path: str, literal: str, expected: str) -> None:
    assert canonical(SUPPLIER, path, literal) == expected


@pytest.mark.parametrize(
    ("path", "literal"),
    [("status", "ACTIVE"), ("diversity_certificates.expire_date", "soon"), ("sites", "x"), ("nothing", "x")],
)
def test_a_literal_that_the_path_can_not_have_is_refused(path: str, literal: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        canonical(SUPPLIER, path, literal)


def test_a_flag_is_true_or_false_and_nothing_else() -> None:
    assert canonical(ITEM, "sterile", "true") == "true"
    with pytest.raises(ValueError, match="true or false"):
        canonical(ITEM, "sterile", "yes")


def test_every_declared_path_can_be_indexed() -> None:
    for record_type in RECORD_TYPES:
        for path in (*record_type.filterable, *record_type.searchable):
            is_restricted(record_type, path)
