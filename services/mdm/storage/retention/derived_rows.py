"""Derived rows: what the hub's tables say of records beside their revisions, and its end."""

from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import Connection

from services.mesh.postgres.arrays import text_array
from services.mesh.postgres.database import driver

NAMED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "record_index": ("record",),
    "reference_spans": ("record",),
    "presences": ("record",),
    "crosswalk": ("source_record",),
    "match_keys": ("source_record",),
    "coded_values": ("source_record",),
    "match_edges": ("low", "high"),
    "match_candidates": ("low", "high"),
}
"""The tables that hold content of records, each with the columns that name these."""

_FORGET_BLOCKS = """
DELETE FROM match_blocks b USING match_nodes n WHERE n.source_record = ANY(%s::text[])
AND b.node = n.node AND b.key = ANY(n.keys)
"""
_FORGET_NODES = "DELETE FROM match_nodes WHERE source_record = ANY(%s::text[])"
_FORGET = [
    f"DELETE FROM {table} WHERE {column} = ANY(%s::text[])"  # noqa: S608 - constants only
    for table, columns in NAMED_BY.items()
    for column in columns
]


def forget(connection: Connection, records: Collection[str]) -> None:
    """Delete every derived row of records."""
    names = text_array(list(records))
    for statement in (_FORGET_BLOCKS, _FORGET_NODES, *_FORGET):
        driver(connection).execute(statement.encode(), (names,))
