"""What a leaf's bytes say of themselves, for every kind of evidence."""

import pytest

from clients.verifier.leaf import LeafKey, stated_by
from tests.support.audit.acts import ACTS, act_bytes
from tests.support.audit.leaves import leaf_bytes

LEAVES = {"change": leaf_bytes("suppliers/one", 3), **{kind: act_bytes(act, 3) for kind, act in ACTS.items()}}


@pytest.mark.parametrize("kind", LEAVES)
def test_a_leaf_of_every_kind_is_whole_and_states_its_key(kind: str) -> None:
    stated = stated_by(LEAVES[kind])
    assert isinstance(stated.key, LeafKey)
    assert (stated.key.source_service, stated.key.revision, stated.is_cut_short) == ("mdm", 3, False)


@pytest.mark.parametrize("kind", LEAVES)
def test_a_leaf_that_ends_within_its_last_field_is_cut_short(kind: str) -> None:
    assert stated_by(LEAVES[kind][:-1]).is_cut_short
