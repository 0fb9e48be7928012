"""Field masks."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from hypothesis import given
from hypothesis import strategies as st

from concord.adapter.v1 import adapter_pb2
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import item_pb2, party_pb2, supplier_pb2
from services.mesh.contract.field_masks import apply_mask, resolve_mask
from services.mesh.errors import ConcordError
from tests.support.samples.strategies import items, suppliers

Supplier = supplier_pb2.Supplier
TOP_LEVEL = [field.name for field in Supplier.DESCRIPTOR.fields]


def test_an_omitted_mask_names_the_populated_fields() -> None:
    supplier = Supplier(website="https://acme.example", legal_name="Acme")
    assert sorted(resolve_mask(FieldMask(), supplier)) == ["legal_name", "website"]


def test_a_star_names_every_field() -> None:
    assert list(resolve_mask(FieldMask(paths=["*"]), Supplier())) == TOP_LEVEL


def test_a_path_is_named_once() -> None:
    assert resolve_mask(FieldMask(paths=["website", "legal_name", "website"]), Supplier()) == ("website", "legal_name")


@pytest.mark.parametrize(
    "path",
    [
        "legal_nmae",
        "",
        ".",
        "legalName",
        "legal_name.x",
        "payment_terms.",
        "payment_terms.nope",
        "tax_ids.value",
        "tax_ids.0.value",
    ],
)
def test_an_unknown_path_is_refused_with_its_name_and_type(path: str) -> None:
    with pytest.raises(ConcordError) as caught:
        resolve_mask(FieldMask(paths=["legal_name", path, "also_wrong"]), Supplier())
    assert caught.value.reason == reasons.ERROR_REASON_UNKNOWN_FIELD
    assert caught.value.metadata == {"field": path, "type": "concord.mdm.v1.Supplier"}
    assert len(caught.value.violations) == 2
    assert path in caught.value.violations[0].description


def test_an_unknown_path_beside_a_star_is_refused_too() -> None:
    with pytest.raises(ConcordError):
        resolve_mask(FieldMask(paths=["*", "nope"]), Supplier())


@given(suppliers, suppliers)
def test_a_star_makes_the_target_equal_to_the_source(source: Supplier, target: Supplier) -> None:
    apply_mask(source, target, resolve_mask(FieldMask(paths=["*"]), source))
    assert target == source


@given(items, items, st.data())
def test_exactly_the_named_fields_are_taken(source: item_pb2.Item, target: item_pb2.Item, data: st.DataObject) -> None:
    names = [field.name for field in source.DESCRIPTOR.fields]
    chosen = tuple(data.draw(st.lists(st.sampled_from(names), unique=True)))
    before = item_pb2.Item.FromString(target.SerializeToString())
    apply_mask(source, target, chosen)
    taken, kept = dict(source.ListFields()), dict(before.ListFields())
    expected = {field: taken if field.name in chosen else kept for field in source.DESCRIPTOR.fields}
    assert dict(target.ListFields()) == {field: side[field] for field, side in expected.items() if field in side}


def test_a_nested_path_leaves_its_neighbours_alone() -> None:
    source = Supplier(payment_terms=party_pb2.PaymentTerms(net_days=30, code="ignored"))
    target = Supplier(payment_terms=party_pb2.PaymentTerms(net_days=60, code="kept"))
    apply_mask(source, target, resolve_mask(FieldMask(paths=["payment_terms.net_days"]), source))
    assert target == Supplier(payment_terms=party_pb2.PaymentTerms(net_days=30, code="kept"))


def test_clearing_below_an_absent_message_does_not_create_it() -> None:
    target = Supplier(legal_name="Acme")
    apply_mask(Supplier(), target, ("payment_terms.net_days",))
    assert target == Supplier(legal_name="Acme")


def test_a_present_but_empty_message_is_taken_as_present() -> None:
    target = Supplier()
    apply_mask(Supplier(payment_terms=party_pb2.PaymentTerms()), target, ("payment_terms",))
    assert target.HasField("payment_terms")


def test_a_false_that_was_set_is_taken_as_false() -> None:
    target = item_pb2.Item(stocked=True)
    apply_mask(item_pb2.Item(stocked=False), target, ("stocked",))
    assert target.HasField("stocked")
    assert not target.stocked


def test_repeated_fields_and_maps_are_replaced_whole() -> None:
    supplier = Supplier(trading_names=["old", "older"])
    apply_mask(Supplier(trading_names=["new"]), supplier, ("trading_names",))
    assert list(supplier.trading_names) == ["new"]
    target = adapter_pb2.Delivery(value_tokens={"a": "1"})
    apply_mask(adapter_pb2.Delivery(value_tokens={"b": "2"}), target, ("value_tokens",))
    assert dict(target.value_tokens) == {"b": "2"}
