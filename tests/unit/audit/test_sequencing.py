"""Places in the log: gapless, once, all of a request or none."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audit.domain.leaf import LeafKey
from services.audit.domain.sequencing import LeafConflictError, Receipt, Sequencer
from tests.support.audit.leaves import incoming, leaf_bytes

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)

ARRIVALS = st.lists(
    st.lists(st.tuples(st.integers(1, 12), st.sampled_from(["a", "a", "a", "b"])), max_size=8), max_size=12
)
"""Requests of (revision, actor): another actor means other bytes for the same key."""


def leaf(revision: int, actor: str = "a") -> bytes:
    return leaf_bytes(revision=revision, actor=actor)


def test_leaves_take_the_next_places_in_their_order() -> None:
    sequencer = Sequencer({}, 7, NOW)
    first = sequencer.place([incoming(leaf(2)), incoming(leaf(1))])
    second = sequencer.place([incoming(leaf(3))])
    assert [receipt.leaf_index for receipt in (*first.receipts, *second.receipts)] == [7, 8, 9]
    assert [placed.key.revision for placed, _ in first.fresh] == [2, 1]


def test_a_held_leaf_gets_its_first_receipt_and_takes_no_place() -> None:
    again, new = incoming(leaf(1)), incoming(leaf(2))
    held = Receipt(3, again.leaf_hash, datetime(2026, 1, 1, tzinfo=UTC))
    placed = Sequencer({again.key: held}, 4, NOW).place([again, new, again])
    assert placed.receipts == (held, Receipt(4, new.leaf_hash, NOW), held)
    assert [fresh.key for fresh, _ in placed.fresh] == [new.key]


def test_a_leaf_twice_in_a_request_is_placed_once() -> None:
    placed = Sequencer({}, 0, NOW).place([incoming(leaf(1)), incoming(leaf(1))])
    assert placed.receipts[0] is placed.receipts[1]
    assert len(placed.fresh) == 1


@pytest.mark.parametrize("held", [True, False], ids=["held", "in the same request"])
def test_other_bytes_for_a_key_refuse_the_request_and_leave_no_trace(*, held: bool) -> None:
    sequencer = Sequencer({}, 0, NOW)
    if held:
        sequencer.place([incoming(leaf(1))])
    with pytest.raises(LeafConflictError) as refused:
        sequencer.place([incoming(leaf(2)), incoming(leaf(1, "a" if not held else "b")), incoming(leaf(1, "b"))])
    assert refused.value.place == (1 if held else 2)
    assert refused.value.key == LeafKey("mdm", "suppliers/one", 1)
    assert sequencer.place([incoming(leaf(9))]).receipts[0].leaf_index == int(held)


@given(ARRIVALS)
def test_places_are_gapless_and_a_key_has_one(requests: list[list[tuple[int, str]]]) -> None:
    sequencer = Sequencer({}, 0, NOW)
    log: dict[int, bytes] = {}
    first: dict[LeafKey, bytes] = {}
    for request in requests:
        leaves = [incoming(leaf(revision, actor)) for revision, actor in request]
        try:
            placed = sequencer.place(leaves)
        except LeafConflictError:
            continue
        assert [receipt.leaf_hash for receipt in placed.receipts] == [each.leaf_hash for each in leaves]
        for fresh, receipt in placed.fresh:
            assert fresh.key not in first
            first[fresh.key] = log[receipt.leaf_index] = fresh.data
    assert sorted(log) == list(range(len(log)))
