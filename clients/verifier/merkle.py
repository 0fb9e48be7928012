"""Merkle trees after RFC 9162, section 2.1, as somebody who trusts nobody checks them. SHA-256, 32-byte hashes."""

import hashlib
from collections.abc import Sequence

from clients.verifier.errors import RefutedError

HASH_BYTES = 32
LONGEST_PATH = 63
"""Hashes in a proof: no tree of fewer than 2^63 leaves needs more."""

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf's bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above two others."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class GrowingTree:
    """A tree that leaves are added to, first to last; it keeps one hash for each bit of its size."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Add a leaf by its hash."""
        peak, size = leaf, self.size
        while size & 1:
            peak = node_hash(self._peaks.pop(), peak)
            size >>= 1
        self._peaks.append(peak)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over the leaves so far."""
        if not self._peaks:
            return EMPTY_ROOT
        *higher, root = self._peaks
        for peak in reversed(higher):
            root = node_hash(peak, root)
        return root


def check_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check that the tree of `size` leaves with this root has the leaf's hash at `index` (section 2.1.3.2).

    Raises RefutedError.
    """
    _require_hashes(leaf, root, *path)
    if not 0 <= index < size:
        raise RefutedError(f"a tree of {size} leaves has no leaf {index}")
    node, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise RefutedError("the inclusion proof is longer than the tree is high")
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            node, last = _up_to_a_right_child(node, last)
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    if last != 0:
        raise RefutedError("the inclusion proof is shorter than the tree is high")
    if found != root:
        raise RefutedError(f"the inclusion proof of leaf {index} leads to another root than the checkpoint's")


def check_consistency(size: int, root: bytes, later_size: int, later_root: bytes, path: Sequence[bytes]) -> None:
    """Check that the later tree begins with all leaves of the earlier one (section 2.1.4.2).

    Raises RefutedError, also for an earlier tree without leaves: every tree would continue it.
    """
    if size <= 0:
        raise RefutedError("a tree without leaves proves nothing about a later one")
    if size > later_size:
        raise RefutedError(f"a tree of {later_size} leaves can't continue one of {size}")
    if size == later_size:
        _check_same(size, root, later_root, path)
        return
    _require_hashes(root, later_root, *path)
    if not path:
        raise RefutedError("the consistency proof is empty")
    # A tree whose size is a power of two is a node of the later one: the proof leaves it out.
    hashes = [root, *path] if size & (size - 1) == 0 else path
    reached, later_reached = _climbed(hashes, size, later_size)
    if reached != root:
        raise RefutedError(f"the consistency proof leads to another root than the tree of {size} leaves has")
    if later_reached != later_root:
        raise RefutedError(f"the consistency proof leads to another root than the tree of {later_size} leaves has")


def _require_hashes(*hashes: bytes) -> None:
    if any(len(each) != HASH_BYTES for each in hashes):
        raise RefutedError(f"a hash of a proof is not {HASH_BYTES} bytes long")


def _climbed(hashes: Sequence[bytes], size: int, later_size: int) -> tuple[bytes, bytes]:
    """Return the roots of both trees that a consistency proof leads to."""
    node, last = size - 1, later_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    earlier = later = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise RefutedError("the consistency proof is longer than the tree is high")
        if node & 1 or node == last:
            earlier, later = node_hash(sibling, earlier), node_hash(sibling, later)
            node, last = _up_to_a_right_child(node, last)
        else:
            later = node_hash(later, sibling)
        node, last = node >> 1, last >> 1
    if last != 0:
        raise RefutedError("the consistency proof is shorter than the tree is high")
    return earlier, later


def _up_to_a_right_child(node: int, last: int) -> tuple[int, int]:
    """Climb while the node is a left child: at the right edge of the tree it has no sibling there."""
    while node and not node & 1:
        node, last = node >> 1, last >> 1
    return node, last


def _check_same(size: int, root: bytes, later_root: bytes, path: Sequence[bytes]) -> None:
    if path:
        raise RefutedError("a tree needs no consistency proof to itself, and yet there is one")
    if root != later_root:
        raise RefutedError(f"two trees of {size} leaves have different roots")
