"""The tree as RFC 9162, 2.1.1 defines it, word for word: slow, and what everything faster is compared with."""

import functools
from collections.abc import Mapping, Sequence
from hashlib import sha256

from services.audit.domain.merkle import Node, ReadNodes


@functools.cache
def leaf_hashes(count: int) -> Sequence[bytes]:
    """Return the hashes of leaves that differ."""
    return [sha256(b"\x00" + f"leaf {number}".encode()).digest() for number in range(count)]


def naive_root(hashes: Sequence[bytes]) -> bytes:
    """Return MTH of the leaves with these hashes."""
    count = len(hashes)
    if count == 0:
        return sha256(b"").digest()
    if count == 1:
        return hashes[0]
    k = 1
    while k * 2 < count:
        k *= 2
    return sha256(b"\x01" + naive_root(hashes[:k]) + naive_root(hashes[k:])).digest()


def reading(hashes: Sequence[bytes]) -> ReadNodes:
    """Return what gives every node of the tree of these leaves."""

    def read(nodes: Sequence[Node]) -> Mapping[Node, bytes]:
        return {node: naive_root(_below(hashes, node)) for node in nodes}

    return read


def _below(hashes: Sequence[bytes], node: Node) -> Sequence[bytes]:
    found = hashes[node.number << node.height : (node.number + 1) << node.height]
    assert len(found) == 1 << node.height
    return found
