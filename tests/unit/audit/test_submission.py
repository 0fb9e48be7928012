"""Bytes that are no leaf: refused by their place in the request, with field and reason."""

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from services.audit.transport.submission import MOST_VIOLATIONS, read_leaves
from services.mesh.errors import ConcordError
from tests.support.audit.leaves import leaf_bytes


def refused(*items: bytes) -> list[str]:
    with pytest.raises(ConcordError) as error:
        read_leaves(items)
    assert error.value.reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED
    assert all(violation.description for violation in error.value.violations)
    return [violation.field for violation in error.value.violations]


def test_good_leaves_keep_their_order_and_bytes() -> None:
    items = [leaf_bytes(revision=revision) for revision in (3, 1, 2)]
    assert [leaf.data for leaf in read_leaves(items)] == items


def test_bytes_that_are_no_message_are_named_by_their_place() -> None:
    assert refused(leaf_bytes(), b"\xff\xff") == ["leaves[1]"]


def test_every_broken_constraint_is_named_at_its_path() -> None:
    assert refused(leaf_bytes(record_type=""), leaf_bytes(), leaf_bytes(actor="a" * 256, revision=0)) == [
        "leaves[0].record_type",
        "leaves[2].revision",
        "leaves[2].actor",
    ]


def test_what_the_database_cannot_hold_is_named_at_its_path() -> None:
    assert refused(leaf_bytes(actor="a\x00b"), leaf_bytes("é" * 600)) == ["leaves[0].actor", "leaves[1].record"]


def test_an_answer_names_no_more_flaws_than_metadata_carries() -> None:
    assert refused(*[b"\xff"] * 5000) == [f"leaves[{index}]" for index in range(MOST_VIOLATIONS)]
