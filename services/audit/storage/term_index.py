"""The index of terms: derived from the leaves, and never behind them when a question is answered.

The sequencer indexes what it appends. What an earlier version of the service appended is indexed before the next
append, and before the service begins to serve: a row a leaf, in the leaves' order, so the highest one tells how far
the index is.
"""

from collections.abc import Iterable
from typing import Any, LiteralString

import psycopg

from services.audit.domain.leaf import decode
from services.audit.domain.term import terms_of

_CHUNK = 1_000
NEXT: LiteralString = "SELECT coalesce(max(leaf_index) + 1, 0) FROM public.leaf_terms"
"""The place of the first leaf without its terms."""

_LEAVES = "SELECT leaf_index, leaf FROM public.leaves WHERE leaf_index >= %s ORDER BY leaf_index LIMIT %s"
_APPEND = "COPY public.leaf_terms (leaf_index, terms) FROM STDIN (FORMAT BINARY)"

Connection = psycopg.Connection[tuple[Any, ...]]


def index(connection: Connection, found: Iterable[tuple[int, tuple[int, ...]]]) -> None:
    """Add the terms of leaves, by place. The caller holds the sequencer's lock."""
    with connection.cursor() as cursor, cursor.copy(_APPEND) as copy:
        copy.set_types(("int8", "int8[]"))
        for leaf_index, terms in found:
            copy.write_row((leaf_index, list(terms)))


def next_to_index(connection: Connection) -> int:
    """Return the place of the first leaf without its terms."""
    row = connection.execute(NEXT).fetchone()
    assert row is not None  # noqa: S101 - an aggregate answers one row
    place: int = row[0]
    return place


def catch_up(connection: Connection) -> bool:
    """Index the next leaves without terms, if there are any; tell whether there may be more.

    The caller holds the sequencer's lock.
    """
    leaves = connection.execute(_LEAVES, (next_to_index(connection), _CHUNK), binary=True).fetchall()
    if leaves:
        index(connection, [(place, terms_of(decode(data))) for place, data in leaves])
    return len(leaves) == _CHUNK
