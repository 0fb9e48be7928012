"""What a commit adds to the log, in one statement: leaves, their terms, tiles that became full, a signed checkpoint."""

from collections.abc import Sequence
from typing import Any

import psycopg

from services.audit.domain.leaf import IncomingLeaf
from services.audit.domain.sequencing import Receipt
from services.audit.storage.growing_tree import Growth
from services.mesh.postgres.arrays import number_array, text_array

# Lists within lists are texts: PostgreSQL's arrays of arrays have as many elements in each.
_ADD = """
WITH leaf AS (
    INSERT INTO public.leaves (leaf_index, source_service, record, revision, record_type, actor, entities, occurred_at,
        leaf, leaf_hash, received_at)
    SELECT leaf_index, source_service, record, revision, record_type, actor, entities::text[], occurred_at,
        leaf, leaf_hash, %(received_at)b
    FROM unnest(
        %(indexes)t::bigint[], %(services)t::text[], %(records)t::text[], %(revisions)t::bigint[], %(types)t::text[],
        %(actors)t::text[], %(entities)t::text[], %(times)t::timestamptz[], %(leaves)b::bytea[], %(hashes)b::bytea[]
    ) AS one (leaf_index, source_service, record, revision, record_type, actor, entities, occurred_at, leaf, leaf_hash)
), term AS (
    INSERT INTO public.leaf_terms (leaf_index, terms)
    SELECT leaf_index, terms::bigint[]
    FROM unnest(%(indexes)t::bigint[], %(terms)t::text[]) AS one (leaf_index, terms)
), tile AS (
    INSERT INTO public.tiles (level, tile_index, hashes, root)
    SELECT level, tile_index, hashes, root
    FROM unnest(%(levels)t::smallint[], %(tiles)t::bigint[], %(tile_hashes)b::bytea[], %(tile_roots)b::bytea[])
        AS one (level, tile_index, hashes, root)
)
INSERT INTO public.checkpoints (tree_size, root, note, key_id, signed_at)
VALUES (%(tree_size)b, %(root)b, %(note)b, %(key_id)b, %(signed_at)b)
"""

Connection = psycopg.Connection[tuple[Any, ...]]


def add(connection: Connection, placed: Sequence[tuple[IncomingLeaf, Receipt]], growth: Growth) -> None:
    """Write leaves at their places, and what they made of the tree. The caller holds the sequencer's lock.

    Without leaves, the tree grew by some that are there already.
    """
    checkpoint = growth.checkpoint
    signed = {
        "tree_size": checkpoint.tree_size,
        "root": checkpoint.root,
        "note": checkpoint.note,
        "key_id": checkpoint.key_id,
        "signed_at": checkpoint.signed_at,
        "received_at": checkpoint.signed_at,
    }
    connection.execute(_ADD, {**_leaves(placed), **_tiles(growth), **signed}, prepare=True)


def _leaves(placed: Sequence[tuple[IncomingLeaf, Receipt]]) -> dict[str, Any]:
    leaves = [leaf for leaf, _ in placed]
    return {
        "indexes": number_array([receipt.leaf_index for _, receipt in placed]),
        "services": text_array([leaf.key.source_service for leaf in leaves]),
        "records": text_array([leaf.key.record for leaf in leaves]),
        "revisions": number_array([leaf.key.revision for leaf in leaves]),
        "types": text_array([leaf.record_type for leaf in leaves]),
        "actors": text_array([leaf.actor for leaf in leaves]),
        "entities": text_array([text_array(leaf.entities) for leaf in leaves]),
        "times": text_array([leaf.occurred_at.isoformat() for leaf in leaves]),
        "leaves": [leaf.data for leaf in leaves],
        "hashes": [leaf.leaf_hash for leaf in leaves],
        "terms": text_array([number_array(leaf.terms) for leaf in leaves]),
    }


def _tiles(growth: Growth) -> dict[str, Any]:
    return {
        "levels": number_array([tile.address.level for tile in growth.tiles]),
        "tiles": number_array([tile.address.number for tile in growth.tiles]),
        "tile_hashes": [tile.hashes for tile in growth.tiles],
        "tile_roots": [tile.root for tile in growth.tiles],
    }
