"""Merkle trees after RFC 9162, section 2.1, over SHA-256: hashes, roots, proofs of inclusion and of consistency.

A proof is a list of hashes of spans of leaves. A span is put together from perfect subtrees, and only those have to be
stored: whoever asks for a proof hands over what reads them.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256().digest()
"""The root of the tree without leaves."""


class Node(NamedTuple):
    """A perfect subtree: the 2**height leaves from number * 2**height on. Height 0 is a leaf."""

    height: int
    number: int


ReadNodes = Callable[[Sequence[Node]], Mapping[Node, bytes]]
"""Gives the hash of every node that is asked for."""

_NODE_PREFIX = b"\x01"  # RFC 9162, 2.1.1: an inner node's hash can never be a leaf's


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above two others."""
    return hashlib.sha256(_NODE_PREFIX + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Return the hash of the perfect subtree above so many hashes of one height: 1, 2, 4 and so on."""
    sha256 = hashlib.sha256  # a proof hashes some seven hundred times: no call more than that
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=True)
        hashes = [sha256(_NODE_PREFIX + left + right).digest() for left, right in pairs]
    return hashes[0]


def joined(peaks: Sequence[bytes]) -> bytes:
    """Return the hash above adjoining perfect subtrees that become smaller from left to right."""
    digest = peaks[-1]
    for left in reversed(peaks[:-1]):
        digest = node_hash(left, digest)
    return digest


def tree_root(tree_size: int, read: ReadNodes) -> bytes:
    """Return the root of the first `tree_size` leaves."""
    return _hashes([range(tree_size)], read)[0] if tree_size else EMPTY_ROOT


def inclusion_proof(leaf_index: int, tree_size: int, read: ReadNodes) -> list[bytes]:
    """Prove that a leaf is at its place in the tree of the first `tree_size` leaves (RFC 9162, 2.1.3.1).

    From the leaf's sibling up. ValueError unless 0 <= leaf_index < tree_size.
    """
    if not 0 <= leaf_index < tree_size:
        raise ValueError(f"no leaf {leaf_index} among {tree_size}")
    spans = []
    start, end = 0, tree_size
    while end - start > 1:
        middle = start + _left_width(end - start)
        if leaf_index < middle:
            spans.append(range(middle, end))
            end = middle
        else:
            spans.append(range(start, middle))
            start = middle
    return _hashes(spans[::-1], read)


def consistency_proof(first_size: int, second_size: int, read: ReadNodes) -> list[bytes]:
    """Prove that the tree of the first `first_size` leaves is the beginning of a larger one (RFC 9162, 2.1.4.1).

    Empty for equal sizes and from the empty tree. ValueError unless 0 <= first_size <= second_size.
    """
    if not 0 <= first_size <= second_size:
        raise ValueError(f"a tree of {first_size} leaves is not the beginning of one of {second_size}")
    if not first_size:
        return []
    spans = []
    start, end = 0, second_size
    while end != first_size:
        middle = start + _left_width(end - start)
        if first_size <= middle:
            spans.append(range(middle, end))
            end = middle
        else:
            spans.append(range(start, middle))
            start = middle
    if start:  # else the smaller tree is a perfect subtree, whose root the verifier has
        spans.append(range(start, end))
    return _hashes(spans[::-1], read)


def is_included(leaf_hash: bytes, leaf_index: int, tree_size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Tell whether a proof shows that a leaf is at its place in the tree with this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= leaf_index < tree_size or not _are_hashes(leaf_hash, root, *proof):
        return False
    place, last, digest = leaf_index, tree_size - 1, leaf_hash
    for sibling in proof:
        if not last:
            return False
        if place % 2 or place == last:
            digest = node_hash(sibling, digest)
            while place and not place % 2:
                place, last = place >> 1, last >> 1
        else:
            digest = node_hash(digest, sibling)
        place, last = place >> 1, last >> 1
    return not last and digest == root


def is_consistent(
    first_size: int, second_size: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Tell whether a proof shows that one tree is the beginning of another (RFC 9162, 2.1.4.2).

    From the empty tree nothing can be proven, and nothing has to be: then false.
    """
    if 0 < first_size == second_size:
        return not proof and first_root == second_root
    if not 0 < first_size < second_size or not _are_hashes(first_root, second_root, *proof):
        return False
    # Both trees have the perfect subtree that ends with the smaller one's last leaf. Its hash heads the proof, unless
    # it is the smaller tree.
    place, last = first_size - 1, second_size - 1
    while place % 2:
        place, last = place >> 1, last >> 1
    whole = first_size.bit_count() == 1
    hashes = iter([first_root, *proof] if whole else proof)
    old = new = next(hashes, b"")
    for sibling in hashes:
        if not last:
            return False
        if place % 2 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while place and not place % 2:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    return not last and old == first_root and new == second_root


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_BYTES for value in values)


def _left_width(width: int) -> int:
    """Return how many of `width` leaves, two or more, go to the left: the largest power of two below it."""
    return 1 << ((width - 1).bit_length() - 1)


def _hashes(spans: Sequence[range], read: ReadNodes) -> list[bytes]:
    """Return the hash above each span, all their nodes read at once."""
    nodes = [_perfect_subtrees(span) for span in spans]
    found = read([node for parts in nodes for node in parts])
    return [joined([found[node] for node in parts]) for parts in nodes]


def _perfect_subtrees(span: range) -> list[Node]:
    """Take a span of a tree apart; it begins at a multiple of every width that occurs in it."""
    nodes = []
    start = span.start
    while start < span.stop:
        height = (span.stop - start).bit_length() - 1
        nodes.append(Node(height, start >> height))
        start += 1 << height
    return nodes
