"""The nodes of the log's tree: read from full tiles, and at the right edge from what those are made of."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import psycopg

from services.audit.domain.merkle import Node
from services.audit.domain.tile import WIDTH, Place, TileAddress, split

Connection = psycopg.Connection[tuple[Any, ...]]

_TILES = """
SELECT wanted.level, wanted.tile_index, found.hashes
FROM unnest(%b::smallint[], %b::bigint[]) AS wanted (level, tile_index)
CROSS JOIN LATERAL (
    SELECT hashes FROM public.tiles WHERE (tiles.level, tiles.tile_index) = (wanted.level, wanted.tile_index) LIMIT 1
) AS found
"""
_LEAF_HASHES = """
SELECT leaf_hash FROM public.leaves WHERE leaf_index >= %b AND leaf_index < %b ORDER BY leaf_index
"""
_TILE_ROOTS = """
SELECT root FROM public.tiles WHERE level = %b AND tile_index >= %b AND tile_index < %b ORDER BY tile_index
"""


def read_nodes(connection: Connection, nodes: Collection[Node]) -> Mapping[Node, bytes]:
    """Return the hash of each node. LookupError for one that is not in the tree."""
    places = {node: Place.of(node) for node in nodes}
    tiles = read_tiles(connection, {place.tile for place in places.values()})
    return {node: place.hash_in(tiles[place.tile]) for node, place in places.items()}


def read_tiles(connection: Connection, addresses: Collection[TileAddress]) -> Mapping[TileAddress, Sequence[bytes]]:
    """Return the hashes of each tile, of one that is not full as many as there are."""
    columns = [address.level for address in addresses], [address.index for address in addresses]
    rows = connection.execute(_TILES, columns, prepare=True, binary=True)
    full = {TileAddress(level, index): split(hashes) for level, index, hashes in rows}
    return full | {
        address: read_level(connection, address.level, address.index * WIDTH, (address.index + 1) * WIDTH)
        for address in addresses
        if address not in full
    }


def read_level(connection: Connection, level: int, start: int, end: int) -> list[bytes]:
    """Return those hashes of a tile level that are there from `start` on and before `end`."""
    if level == 0:
        rows = connection.execute(_LEAF_HASHES, (start, end), prepare=True, binary=True)
    else:
        rows = connection.execute(_TILE_ROOTS, (level - 1, start, end), prepare=True, binary=True)
    return [digest for (digest,) in rows]
