"""Trees and proofs: the published vectors, and a definition that is written down as the RFC writes it."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.audit.domain.frontier import Frontier
from services.audit.domain.merkle import (
    EMPTY_ROOT,
    Node,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    node_hash,
    tree_root,
)
from tests.support.merkle.naive_tree import leaf_hashes, naive_root, reading
from tests.support.merkle.vectors import vectors

SIZES = st.integers(1, 600)


def test_every_published_inclusion_vector_is_decided_as_published() -> None:
    found = vectors("inclusion")
    assert len(found) == 98
    for name, vector in found:
        arguments = (vector["leafHash"], vector["leafIdx"], vector["treeSize"], vector["proof"], vector["root"])
        assert is_included(*arguments) is not vector["wantErr"], name


def test_every_published_consistency_vector_is_decided_as_published() -> None:
    found = vectors("consistency")
    assert len(found) == 98
    for name, vector in found:
        arguments = (vector["size1"], vector["size2"], vector["root1"], vector["root2"], vector["proof"])
        assert is_consistent(*arguments) is not vector["wantErr"], name


def test_a_small_tree_is_put_together_as_the_rfc_says() -> None:
    a, b, c = leaf_hashes(3)
    assert a == sha256(b"\x00leaf 0").digest()
    assert tree_root(3, reading([a, b, c])) == sha256(b"\x01" + sha256(b"\x01" + a + b).digest() + c).digest()
    assert inclusion_proof(2, 3, reading([a, b, c])) == [node_hash(a, b)]
    assert consistency_proof(2, 3, reading([a, b, c])) == [c]
    assert tree_root(0, reading([])) == EMPTY_ROOT == sha256(b"").digest()


@given(SIZES)
@settings(deadline=None)
def test_the_root_is_that_of_the_recursive_definition(size: int) -> None:
    hashes = leaf_hashes(size)
    frontier = Frontier()
    frontier.append(hashes)
    assert tree_root(size, reading(hashes)) == frontier.root() == naive_root(hashes)


@given(SIZES, st.data())
@settings(deadline=None)
def test_every_leaf_is_proven_in_every_tree_that_holds_it_and_nowhere_else(size: int, data: st.DataObject) -> None:
    hashes = leaf_hashes(size)
    index = data.draw(st.integers(0, size - 1))
    proof, root = inclusion_proof(index, size, reading(hashes)), naive_root(hashes)
    assert is_included(hashes[index], index, size, proof, root)
    other = data.draw(st.integers(0, size + 1).filter(lambda place: place != index))
    assert not is_included(hashes[index], other, size, proof, root)
    assert not is_included(hashes[index], index, size, [*proof, root], root)
    for place in range(len(proof)):
        assert not is_included(hashes[index], index, size, [*proof[:place], *proof[place + 1 :]], root)
        assert not is_included(hashes[index], index, size, _with_a_bit_flipped(proof, place), root)


@given(SIZES, st.data())
@settings(deadline=None)
def test_every_beginning_is_proven_and_no_other_tree_is(size: int, data: st.DataObject) -> None:
    hashes = leaf_hashes(size)
    first = data.draw(st.integers(1, size))
    proof = consistency_proof(first, size, reading(hashes))
    first_root, root = naive_root(hashes[:first]), naive_root(hashes)
    assert is_consistent(first, size, first_root, root, proof)
    changed = list(hashes)
    changed[data.draw(st.integers(0, first - 1))] = sha256(b"changed").digest()
    assert not is_consistent(first, size, naive_root(changed[:first]), root, proof)
    assert not is_consistent(first, size, first_root, root, [*proof, root])
    for place in range(len(proof)):
        assert not is_consistent(first, size, first_root, root, _with_a_bit_flipped(proof, place))


def _with_a_bit_flipped(proof: Sequence[bytes], place: int) -> list[bytes]:
    flipped = bytes([proof[place][0] ^ 1]) + proof[place][1:]
    return [*proof[:place], flipped, *proof[place + 1 :]]


def test_all_proofs_of_all_small_trees_hold() -> None:
    for size in range(1, 34):
        read = reading(leaf_hashes(size))
        root = tree_root(size, read)
        for place in range(size):
            assert is_included(leaf_hashes(size)[place], place, size, inclusion_proof(place, size, read), root)
            assert is_consistent(
                place + 1, size, tree_root(place + 1, read), root, consistency_proof(place + 1, size, read)
            )


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0)])
def test_there_is_no_proof_of_what_is_not_in_the_tree(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_proof(index, size, reading(leaf_hashes(4)))


def test_a_larger_tree_is_not_the_beginning_of_a_smaller_one() -> None:
    with pytest.raises(ValueError, match="not the beginning"):
        consistency_proof(5, 4, reading(leaf_hashes(5)))


def test_proofs_ask_for_perfect_subtrees_only_once_each() -> None:
    asked: list[Node] = []

    def read(nodes: Sequence[Node]) -> Mapping[Node, bytes]:
        asked.extend(nodes)
        return reading(leaf_hashes(1000))(nodes)

    inclusion_proof(3, 1000, read)
    assert len(asked) == len(set(asked)) <= 20
