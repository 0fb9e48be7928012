"""The frontier of a growing tree: what is needed to go on appending, a few hundred hashes however large the tree is."""

from collections.abc import Iterable, Sequence

from services.audit.domain.merkle import EMPTY_ROOT, joined, node_hash
from services.audit.domain.tile import HEIGHT, Tile, TileAddress


class Frontier:
    """The right edge of a tree: its rightmost tile of each level, as far as that is not full.

    Appending a leaf costs one hash on average; the root costs as many as the size has ones in binary.
    """

    def __init__(self, edge: Sequence[Sequence[bytes]] = ()) -> None:
        """Take the hashes of the partial tile of each level, from the leaves up; each has fewer than 256."""
        self._edge = [list(hashes) for hashes in edge]
        self._size = sum(len(hashes) << (HEIGHT * level) for level, hashes in enumerate(self._edge))
        self._peaks = [peak for hashes in reversed(self._edge) for peak in _peaks(hashes)]
        self._root: bytes | None = None

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self._size

    def root(self) -> bytes:
        """Return the tree's root."""
        if self._root is None:
            self._root = joined(self._peaks) if self._peaks else EMPTY_ROOT
        return self._root

    def append(self, leaf_hashes: Iterable[bytes]) -> list[Tile]:
        """Append leaves and return the tiles that became full, each before the one that holds its root."""
        full: list[Tile] = []
        for leaf_hash in leaf_hashes:
            full += self._append(leaf_hash)
        self._root = None
        return full

    def _append(self, leaf_hash: bytes) -> list[Tile]:
        full = []
        self._keep(0, leaf_hash)
        digest, height, left = leaf_hash, 0, self._size
        while left % 2:
            digest = node_hash(self._peaks.pop(), digest)
            height, left = height + 1, left >> 1
            if height % HEIGHT == 0:
                level = height // HEIGHT
                full.append(Tile(TileAddress(level - 1, left), b"".join(self._edge[level - 1]), digest))
                self._edge[level - 1].clear()
                self._keep(level, digest)
        self._peaks.append(digest)
        self._size += 1
        return full

    def _keep(self, level: int, digest: bytes) -> None:
        if level == len(self._edge):
            self._edge.append([])
        self._edge[level].append(digest)


def _peaks(hashes: Iterable[bytes]) -> list[bytes]:
    """Return the roots of the perfect subtrees that some hashes of one height make, the largest first."""
    peaks: list[bytes] = []
    for count, each in enumerate(hashes):
        digest, left = each, count
        while left % 2:
            digest, left = node_hash(peaks.pop(), digest), left >> 1
        peaks.append(digest)
    return peaks
