"""Tiles: the tree's hashes in pieces of 256, after C2SP tlog-tiles.

The tile (level, number) holds the 256 nodes of height 8 * level from number * 256 on. It is full, and then never
changes; or it is the rightmost of its level and has so many hashes as the tree gives it.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from services.audit.domain.merkle import HASH_BYTES, Node, node_hash, perfect_root

HEIGHT = 8
WIDTH = 1 << HEIGHT
HIGHEST_LEVEL = 7
"""Of a log whose leaves are counted in 63 bits."""

_THOUSAND = 1000


class TileAddress(NamedTuple):
    """Where a tile is: its level, 0 for leaves, and its place within the level."""

    level: int
    number: int


class Tile(NamedTuple):
    """A full tile: its 256 hashes one after the other, and the hash above them, which the next level holds."""

    address: TileAddress
    hashes: bytes
    root: bytes


class Place(NamedTuple):
    """Which hashes of which tile a node is put together from: the node's own one, or those below it."""

    tile: TileAddress
    start: int
    end: int

    @classmethod
    def of(cls, node: Node) -> "Place":
        """Return where a node is found."""
        level, above = divmod(node.height, HEIGHT)
        width = 1 << above
        number, start = divmod(node.number * width, WIDTH)
        return cls(TileAddress(level, number), start, start + width)

    def hash_in(self, hashes: Sequence[bytes]) -> bytes:
        """Return the node's hash from those of its tile. LookupError when the tile has too few."""
        found = hashes[self.start : self.end]
        if len(found) < self.end - self.start:
            raise LookupError(f"tile {self.tile} has {len(hashes)} hashes, {self.end} are needed")
        return perfect_root(found)


def nodes_of(address: TileAddress, hashes: Sequence[bytes]) -> Iterator[tuple[Node, bytes]]:
    """Yield every node that a tile's hashes give, from its own ones up; of a partial tile those of full subtrees."""
    height, first, row = HEIGHT * address.level, WIDTH * address.number, hashes
    while row:
        yield from ((Node(height, number), digest) for number, digest in enumerate(row, first))
        row = [node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=False)]
        height, first = height + 1, first // 2


def split(hashes: bytes) -> list[bytes]:
    """Return the hashes of a tile."""
    return [hashes[start : start + HASH_BYTES] for start in range(0, len(hashes), HASH_BYTES)]


def width_in(tree_size: int, address: TileAddress) -> int:
    """Return how many hashes a tile has in a tree: 256 when it is full, 0 when it is not there."""
    in_level = tree_size >> (HEIGHT * address.level)
    return max(0, min(WIDTH, in_level - address.number * WIDTH))


def path(address: TileAddress, width: int = WIDTH) -> str:
    """Return where the layout keeps a tile, such as `tile/0/x001/234` or `tile/1/000.p/17`."""
    parts = [f"{address.number % _THOUSAND:03d}"]
    rest = address.number // _THOUSAND
    while rest:
        parts.insert(0, f"x{rest % _THOUSAND:03d}")
        rest //= _THOUSAND
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{address.level}/{'/'.join(parts)}{partial}"
