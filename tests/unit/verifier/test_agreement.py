"""The verifier and the log, written apart from one another, agree on trees of up to 10,000 leaves."""

import functools
import hashlib
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.verifier.errors import RefutedError
from clients.verifier.merkle import GrowingTree, check_consistency, check_inclusion
from services.audit.domain.frontier import Frontier
from services.audit.domain.merkle import Node, consistency_proof, inclusion_proof, node_hash, tree_root

LARGEST = 10_000
EXAMPLES = settings(max_examples=200, deadline=None)

sizes = st.integers(1, LARGEST)


@functools.cache
def levels() -> list[list[bytes]]:
    """Return the hashes of all perfect subtrees of the largest tree, by height."""
    found = [[hashlib.sha256(b"\x00%d" % number).digest() for number in range(LARGEST)]]
    while len(found[-1]) > 1:
        below = found[-1]
        found.append([node_hash(*pair) for pair in zip(below[::2], below[1::2], strict=False)])
    return found


def read(nodes: Sequence[Node]) -> Mapping[Node, bytes]:
    return {node: levels()[node.height][node.number] for node in nodes}


def test_both_grow_the_same_tree_leaf_by_leaf() -> None:
    verifier, log = GrowingTree(), Frontier()
    for size, leaf in enumerate(levels()[0], 1):
        verifier.add(leaf)
        log.append([leaf])
        # Every size near a power of two, and some between.
        if size & (size - 1) == 0 or (size + 1) & size == 0 or size % 97 == 0 or size == LARGEST:
            assert (log.size, log.root()) == (size, verifier.root())
            assert tree_root(size, read) == verifier.root()


@given(size=sizes, data=st.data())
@EXAMPLES
def test_the_log_proves_every_leaf_to_the_verifier_and_no_other(size: int, data: st.DataObject) -> None:
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, LARGEST - 1))
    proof, root, leaves = inclusion_proof(index, size, read), tree_root(size, read), levels()[0]
    check_inclusion(leaves[index], index, size, proof, root)
    if other != index:
        with pytest.raises(RefutedError):
            check_inclusion(leaves[other], index, size, proof, root)
        with pytest.raises(RefutedError):
            check_inclusion(leaves[index], other, size, proof, root)


@given(size=sizes, data=st.data())
@EXAMPLES
def test_the_log_proves_every_beginning_to_the_verifier_and_no_other(size: int, data: st.DataObject) -> None:
    earlier, other = data.draw(st.integers(1, size)), data.draw(st.integers(1, LARGEST))
    proof, before, now = consistency_proof(earlier, size, read), tree_root(earlier, read), tree_root(size, read)
    check_consistency(earlier, before, size, now, proof)
    if other != earlier:
        with pytest.raises(RefutedError):
            check_consistency(earlier, tree_root(other, read), size, now, proof)
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        broken = [*proof[:place], bytes(32), *proof[place + 1 :]]
        with pytest.raises(RefutedError):
            check_consistency(earlier, before, size, now, broken)
