"""Where the log stands, read by who becomes its sequencer: one round trip, of which each statement follows the lock."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from services.audit.domain.leaf import LeafKey
from services.audit.domain.sequencing import Receipt
from services.audit.storage import term_index
from services.mesh.postgres.arrays import number_array, text_array

_SEQUENCER_LOCK = 0x434F4E43_00000101  # one sequencer at a time in a database, whichever replica

_LOCK = "SELECT pg_advisory_xact_lock(%b)"
_HEAD = f"""
SELECT (SELECT coalesce(max(leaf_index) + 1, 0) FROM public.leaves),
    ({term_index.NEXT}),
    newest.tree_size, newest.root, clock_timestamp()
FROM (SELECT) AS always
LEFT JOIN (SELECT tree_size, root FROM public.checkpoints ORDER BY tree_size DESC LIMIT 1) AS newest ON true
"""  # noqa: S608 - constants
_HELD = """
SELECT wanted.source_service, wanted.record, wanted.revision, held.leaf_index, held.leaf_hash, held.received_at,
    (SELECT note FROM public.checkpoints WHERE tree_size > held.leaf_index ORDER BY tree_size LIMIT 1)
FROM unnest(%t::text[], %t::text[], %t::bigint[]) AS wanted (source_service, record, revision)
CROSS JOIN LATERAL (
    SELECT leaf_index, leaf_hash, received_at FROM public.leaves
    WHERE (leaves.source_service, leaves.record, leaves.revision)
        = (wanted.source_service, wanted.record, wanted.revision)
    LIMIT 1
) AS held
"""

Connection = psycopg.Connection[tuple[Any, ...]]


def hold_still(connection: Connection) -> None:
    """Let nobody append until the transaction ends."""
    connection.execute(_LOCK, (_SEQUENCER_LOCK,))


class Head(NamedTuple):
    """How far the log is: the first free place, the first that no terms are kept of, the newest checkpoint, the time.

    Before the first checkpoint `tree_size` and `root` are None.
    """

    next_index: int
    next_to_index: int
    tree_size: int | None
    root: bytes | None
    now: datetime

    @property
    def unsigned(self) -> range:
        """The places of leaves that no checkpoint covers."""
        return range(self.tree_size or 0, self.next_index)


class Standing(NamedTuple):
    """The log's head, and the receipts of those of the leaves asked for that it holds already, by their keys."""

    head: Head
    held: Mapping[LeafKey, Receipt]


def take_up(connection: Connection, keys: Collection[LeafKey]) -> Standing:
    """Become the sequencer until the transaction ends, and read what the next places are given by."""
    services, records, revisions = zip(*keys, strict=True) if keys else ((), (), ())
    wanted = (text_array(services), text_array(records), number_array(revisions))
    # Each statement sees what is committed when it begins: those behind the lock all that its holders before committed.
    with connection.pipeline():
        connection.execute(_LOCK, (_SEQUENCER_LOCK,), prepare=True)
        head = connection.execute(_HEAD, prepare=True)
        held = connection.execute(_HELD, wanted, prepare=True)
    row = head.fetchone()
    assert row is not None  # noqa: S101 - a join with one row that is always there
    return Standing(Head(*row), {LeafKey(*each[:3]): Receipt(*each[3:]) for each in held})
