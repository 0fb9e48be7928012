"""RESTRICTED values leave the body, come back exactly, and open nowhere else."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from concord.mdm.v1.cost_center_pb2 import CostCenter
from concord.mdm.v1.ingest_pb2 import SourceRecord
from concord.mdm.v1.party_pb2 import BankAccount, TaxId
from concord.mdm.v1.supplier_pb2 import Supplier
from services.mesh.records import cutting
from services.mesh.records.keys import KeyRing, SealBroken
from services.mesh.records.sealing import SealedContent, Sealer
from tests.support.samples.messages import messages

SEALER = Sealer(KeyRing({1: bytes(range(32))}))
KEY = SEALER.ring.new_record_key("suppliers/1")
SUPPLIER = Supplier(
    legal_name="Medline",
    bank_accounts=[
        BankAccount(code="main", account_number="PLANTED-1"),
        BankAccount(code="bare"),
        BankAccount(account_number="PLANTED-2", routing_number="PLANTED-3"),
    ],
)
INSIDE = (Supplier.DESCRIPTOR, CostCenter.DESCRIPTOR)


def restricted_values(message: Message) -> Iterator[object]:
    for field, value in message.ListFields():
        if cutting.is_restricted(field):
            yield value
        elif field.message_type is not None:
            for each in value if field.is_repeated else [value]:
                inner = cutting.unpacked(each) if isinstance(each, Any) else each
                yield from restricted_values(inner) if inner is not None else ()


@given(st.one_of(messages(Supplier.DESCRIPTOR), messages(SourceRecord.DESCRIPTOR, INSIDE)))
def test_what_is_sealed_comes_back_exactly(message: Message) -> None:
    content = SEALER.seal(KEY, 3, message)
    assert SEALER.unseal(KEY, 3, content, type(message)) == message


@given(st.one_of(messages(Supplier.DESCRIPTOR), messages(SourceRecord.DESCRIPTOR, INSIDE)))
def test_no_restricted_value_is_left_in_the_body(message: Message) -> None:
    content = SEALER.seal(KEY, 3, message)
    assert not list(restricted_values(type(message).FromString(content.body)))
    assert (content.sealed is None) == (not list(restricted_values(message)))


@given(messages(Supplier.DESCRIPTOR))
def test_sealing_changes_nothing_in_the_message(message: Message) -> None:
    before = message.SerializeToString(deterministic=True)
    SEALER.seal(KEY, 1, message)
    assert message.SerializeToString(deterministic=True) == before


def test_without_the_key_the_rest_is_there_in_its_places() -> None:
    content = SEALER.seal(KEY, 1, SUPPLIER)
    assert b"PLANTED" not in content.body
    expected = Supplier(
        legal_name="Medline", bank_accounts=[BankAccount(code="main"), BankAccount(code="bare"), BankAccount()]
    )
    assert SEALER.unseal(None, 1, content, Supplier) == expected


def test_a_message_with_nothing_restricted_has_no_sealed_part() -> None:
    assert SEALER.seal(KEY, 1, Supplier(legal_name="Medline", tax_ids=[TaxId(scheme="EIN")])).sealed is None


def test_a_packed_type_that_is_unknown_here_is_sealed_as_a_whole() -> None:
    packed = Any(type_url="type.googleapis.com/acme.Thing", value=b"PLANTED")
    content = SEALER.seal(KEY, 1, SourceRecord(content=packed))
    assert b"PLANTED" not in content.body
    assert SEALER.unseal(KEY, 1, content, SourceRecord).content == packed


def test_fields_that_the_contract_does_not_know_are_dropped() -> None:
    newer = Supplier.FromString(Supplier(legal_name="Medline").SerializeToString() + b"\xfa\x7f\x07PLANTED")
    content = SEALER.seal(KEY, 1, newer)
    assert SEALER.unseal(KEY, 1, content, Supplier) == Supplier(legal_name="Medline")
    assert b"PLANTED" not in content.body


def test_sealed_bytes_open_for_their_record_and_revision_only() -> None:
    content = SEALER.seal(KEY, 1, SUPPLIER)
    assert content.sealed is not None
    moved = replace(KEY, stored=replace(KEY.stored, record="suppliers/2"))
    altered = SealedContent(content.body, content.sealed[:-1] + bytes([content.sealed[-1] ^ 1]))
    cut_off = SealedContent(content.body, content.sealed[:5])
    for key, revision, attempt in ((KEY, 2, content), (moved, 1, content), (KEY, 1, altered), (KEY, 1, cut_off)):
        with pytest.raises(SealBroken):
            SEALER.unseal(key, revision, attempt, Supplier)


def test_the_same_message_never_looks_the_same_sealed() -> None:
    assert SEALER.seal(KEY, 1, SUPPLIER).sealed != SEALER.seal(KEY, 1, SUPPLIER).sealed


def test_bytes_open_for_their_purpose_only() -> None:
    sealed = SEALER.seal_bytes(KEY, "quarantine", b"PLANTED")
    assert b"PLANTED" not in sealed
    assert SEALER.unseal_bytes(KEY, "quarantine", sealed) == b"PLANTED"
    with pytest.raises(SealBroken):
        SEALER.unseal_bytes(KEY, "inputs", sealed)


def test_tokens_are_equal_for_equal_values_of_one_purpose_only() -> None:
    token = SEALER.token("12-3456789", "supplier.tax_id")
    assert token.startswith("t1:")
    assert token == SEALER.token(b"12-3456789", "supplier.tax_id")
    assert token != SEALER.token("12-3456789", "supplier.bank_account")
    assert token != SEALER.token("12-3456780", "supplier.tax_id")
    assert token != Sealer(KeyRing({1: bytes(32)})).token("12-3456789", "supplier.tax_id")


def test_during_a_rotation_both_tokens_are_known() -> None:
    rotating = Sealer(KeyRing({2: bytes(32), 1: bytes(range(32))}))
    old = SEALER.token("12-3456789", "tax_id")
    new = rotating.token("12-3456789", "tax_id")
    assert rotating.tokens("12-3456789", "tax_id") == (new, old)
    assert rotating.matches(old, "12-3456789", "tax_id")
    assert not rotating.matches(old, "12-3456780", "tax_id")
    assert not SEALER.matches(new, "12-3456789", "tax_id")
    assert not rotating.matches("t1:short", "12-3456789", "tax_id")
