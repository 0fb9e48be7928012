"""What a leaf must be before the log takes it."""

import hashlib
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from services.audit.domain.leaf import FlawedLeafError, LeafKey, decode, leaf_hash
from services.mesh.contract.validation import violations
from tests.support.audit.acts import ACTS, act_bytes
from tests.support.audit.leaves import BEGINNING, incoming, leaf_bytes, leaf_message


def test_a_leaf_hash_is_the_published_one_of_the_empty_leaf() -> None:
    # RFC 6962's test vectors: the hash of a leaf of no bytes.
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


@given(st.binary(max_size=200))
def test_a_leaf_hash_is_no_hash_of_the_bare_bytes(data: bytes) -> None:
    assert leaf_hash(data) == hashlib.sha256(b"\x00" + data).digest() != hashlib.sha256(data).digest()


def test_a_leaf_keeps_its_bytes_and_tells_what_it_is_found_by() -> None:
    data = leaf_bytes("items/two", 3, at=BEGINNING, entities=["entities/a", "entities/b"])
    leaf = incoming(data)
    assert (leaf.data, leaf.leaf_hash) == (data, leaf_hash(data))
    assert leaf.key == LeafKey("mdm", "items/two", 3)
    assert (leaf.record_type, leaf.actor, leaf.occurred_at) == ("supplier", "steward", BEGINNING)
    assert leaf.entities == ("entities/a", "entities/b")


def test_fields_of_a_newer_contract_stay_in_the_bytes() -> None:
    newer = leaf_bytes() + b"\xf8\x07\x01"  # field 127, varint
    assert incoming(newer).data == newer


@given(st.binary(max_size=60))
def test_bytes_are_a_leaf_or_refused_and_nothing_else_happens(data: bytes) -> None:
    with suppress(FlawedLeafError):
        assert incoming(data).data == data


def test_bytes_that_are_no_message_are_refused_as_a_whole() -> None:
    with pytest.raises(FlawedLeafError) as refused:
        decode(b"\xff\xff\xff")
    assert [flaw.field for flaw in refused.value.flaws] == [""]


@pytest.mark.parametrize("field", ["source_service", "record", "record_type", "actor"])
def test_a_text_that_the_database_cannot_hold_is_named(field: str) -> None:
    with pytest.raises(FlawedLeafError) as refused:
        incoming(leaf_bytes(**{"record": "suppliers/one", field: "a\x00b"}))  # type: ignore[arg-type]
    assert [flaw.field for flaw in refused.value.flaws] == [field]


def test_an_entity_that_the_database_cannot_hold_is_named_with_its_place() -> None:
    with pytest.raises(FlawedLeafError) as refused:
        incoming(leaf_bytes(entities=["entities/a", "\x00"]))
    assert [flaw.field for flaw in refused.value.flaws] == ["entities[1]"]


def test_a_record_name_must_fit_the_index_in_bytes_not_characters() -> None:
    assert incoming(leaf_bytes("é" * 512)).key.record == "é" * 512
    with pytest.raises(FlawedLeafError, match="1024 bytes"):
        incoming(leaf_bytes("é" * 513))


@pytest.mark.parametrize("seconds", [-(10**14), 10**14])
def test_a_time_outside_the_calendar_is_refused(seconds: int) -> None:
    leaf = leaf_message()
    leaf.occurred_at.CopyFrom(Timestamp(seconds=seconds))
    with pytest.raises(FlawedLeafError, match="occurred_at"):
        incoming(leaf.SerializeToString())


@pytest.mark.parametrize("kind", ACTS)
def test_an_act_is_a_leaf_without_a_content_digest(kind: str) -> None:
    data = act_bytes(ACTS[kind])
    assert violations(decode(data)) == []
    assert (incoming(data).record_type, incoming(data).key.record) == (kind, f"{kind}s/s1")


@pytest.mark.parametrize("kind", ACTS)
def test_an_act_must_be_what_its_operation_says(kind: str) -> None:
    leaf = decode(act_bytes(ACTS[kind]))
    act: dict[str, Any] = {kind: ACTS[kind]}
    for broken, field in (
        (leaf_message(operation=leaf.operation), "act"),
        (leaf_message(**act), "act"),
        (leaf_message(operation=leaf.operation, **act), "record_type"),
        (leaf_message(record_type=kind), "record_type"),
    ):
        with pytest.raises(FlawedLeafError) as refused:
            incoming(broken.SerializeToString())
        assert [flaw.field for flaw in refused.value.flaws] == [field]


def test_a_change_must_say_what_the_record_is_after_it() -> None:
    with pytest.raises(FlawedLeafError, match="content_digest"):
        incoming(leaf_bytes(content_digest=b""))
