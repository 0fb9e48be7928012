"""Proofs: the published vectors, and random trees against the RFC's own definitions."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from clients.verifier.errors import RefutedError
from clients.verifier.merkle import EMPTY_ROOT, GrowingTree, check_consistency, check_inclusion, leaf_hash
from tests.support.merkle.naive_proofs import consistency_path, inclusion_path
from tests.support.merkle.naive_tree import naive_root
from tests.support.merkle.vectors import vectors

sizes = st.integers(1, 70)


def leaves(size: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(size)]


def test_an_inclusion_proof_holds_exactly_when_the_published_vector_says_so() -> None:
    found = vectors("inclusion")
    assert len(found) == 98
    for name, vector in found:
        arguments = (vector["leafHash"], vector["leafIdx"], vector["treeSize"], vector["proof"], vector["root"])
        assert refused(check_inclusion, *arguments) == vector["wantErr"], name


def test_a_consistency_proof_holds_exactly_when_the_published_vector_says_so() -> None:
    found = vectors("consistency")
    assert len(found) == 98
    for name, vector in found:
        arguments = (vector["size1"], vector["root1"], vector["size2"], vector["root2"], vector["proof"])
        assert refused(check_consistency, *arguments) == vector["wantErr"], name


def refused(check: Any, *arguments: Any) -> bool:
    try:
        check(*arguments)
    except RefutedError:
        return True
    return False


@given(size=st.integers(0, 70))
def test_a_growing_tree_has_the_defined_root_at_every_size(size: int) -> None:
    tree = GrowingTree()
    for leaf in leaves(size):
        tree.add(leaf)
    assert (tree.size, tree.root()) == (size, naive_root(leaves(size)))


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert GrowingTree().root() == EMPTY_ROOT == naive_root([])


@given(size=sizes, data=st.data())
def test_a_defined_inclusion_path_proves_its_own_leaf_at_its_own_place_only(size: int, data: st.DataObject) -> None:
    held, index = leaves(size), data.draw(st.integers(0, size - 1))
    path, root = inclusion_path(index, held), naive_root(held)
    check_inclusion(held[index], index, size, path, root)
    other = data.draw(st.integers(-1, size).filter(lambda each: each != index))
    assert refused(check_inclusion, held[index], other, size, path, root)
    assert refused(check_inclusion, leaf_hash(b"another"), index, size, path, root)


@given(size=sizes, data=st.data())
def test_a_defined_consistency_path_proves_its_own_beginning_only(size: int, data: st.DataObject) -> None:
    held, earlier = leaves(size), data.draw(st.integers(1, size))
    path = consistency_path(earlier, held)
    before, now = naive_root(held[:earlier]), naive_root(held)
    check_consistency(earlier, before, size, now, path)
    assert refused(check_consistency, earlier, leaf_hash(b"another"), size, now, path)
    assert refused(check_consistency, earlier, before, size, leaf_hash(b"another"), path)
    assert refused(check_consistency, earlier, before, size, now, [*path, path[0] if path else now])


def test_nothing_continues_the_empty_tree() -> None:
    assert refused(check_consistency, 0, EMPTY_ROOT, 1, leaf_hash(b"1"), [])
