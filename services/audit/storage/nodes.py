"""The nodes of the log's tree: read from full tiles, and at the right edge from what those are made of."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import psycopg

from services.audit.domain.merkle import Node
from services.audit.domain.tile import Place, TileAddress, nodes_of, split
from services.mesh.postgres.arrays import number_array

Connection = psycopg.Connection[tuple[Any, ...]]

Tiles = Mapping[TileAddress, Sequence[bytes]]
"""The hashes of tiles, of one that is not full as many as there are."""

# What is no full tile yet is put together by the database: from leaves, or from the roots of the tiles below. It
# does not know that these are few: the limits tell it, so that it plans for no more.
_TILES = """
SELECT wanted.level, wanted.tile_index, coalesce(
    (SELECT hashes FROM public.tiles WHERE (level, tile_index) = (wanted.level, wanted.tile_index)),
    CASE WHEN wanted.level = 0 THEN (
        SELECT string_agg(leaf_hash, ''::bytea ORDER BY leaf_index) FROM (
            SELECT leaf_index, leaf_hash FROM public.leaves
            WHERE leaf_index >= wanted.tile_index * 256 AND leaf_index < wanted.tile_index * 256 + 256
            ORDER BY leaf_index LIMIT 256
        ) AS edge
    ) ELSE (
        SELECT string_agg(root, ''::bytea ORDER BY tile_index) FROM (
            SELECT tile_index, root FROM public.tiles
            WHERE level = wanted.level - 1
                AND tile_index >= wanted.tile_index * 256 AND tile_index < wanted.tile_index * 256 + 256
            ORDER BY tile_index LIMIT 256
        ) AS edge
    ) END,
    ''::bytea
)
FROM unnest(%t::smallint[], %t::bigint[]) AS wanted (level, tile_index)
"""
_LEAF_HASHES = """
SELECT leaf_hash FROM public.leaves WHERE leaf_index >= %b AND leaf_index < %b ORDER BY leaf_index
"""


def read_nodes(
    nodes: Collection[Node], known: Tiles, read: Callable[[Collection[TileAddress]], Tiles]
) -> Mapping[Node, bytes]:
    """Return the hash of each node, and of their neighbours above the lowest tiles, which others are proven by.

    `read` gives the tiles that are not known. LookupError for a node that is not in the tree.
    """
    places = {node: Place.of(node) for node in nodes}
    missing = {place.tile for place in places.values()} - known.keys()
    tiles = {**known, **read(missing)} if missing else known
    found = {node: place.hash_in(tiles[place.tile]) for node, place in places.items()}
    for address, hashes in tiles.items():
        if address.level:
            found.update(nodes_of(address, hashes))
    return found


def read_tiles(connection: Connection, addresses: Collection[TileAddress]) -> Tiles:
    """Return the hashes of each tile."""
    levels, numbers = zip(*addresses, strict=True)
    columns = number_array(levels), number_array(numbers)
    rows = connection.execute(_TILES, columns, prepare=True, binary=True)
    return {TileAddress(level, number): split(hashes) for level, number, hashes in rows}


def read_leaf_hashes(connection: Connection, places: range) -> list[bytes]:
    """Return the hashes of the leaves at these places of the log."""
    rows = connection.execute(_LEAF_HASHES, (places.start, places.stop), prepare=True, binary=True)
    return [digest for (digest,) in rows]
