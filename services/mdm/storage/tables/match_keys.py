"""Match keys: which golden records carry which strong identifiers, and the locks on identifiers being seen."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mdm.domain.identifiers import MatchKey
from services.mesh.errors import ConcordError
from services.mesh.postgres.arrays import number_array, text_array
from services.mesh.postgres.database import driver

_LOCK = "SELECT pg_advisory_xact_lock(lock) FROM (SELECT DISTINCT unnest(%s::bigint[]) AS lock ORDER BY 1) AS locks"
_FIND = """
SELECT m.record_type, m.kind, m.value, m.golden, m.system, m.source_record FROM match_keys m
JOIN unnest(%s::text[], %s::text[], %s::text[]) AS wanted(record_type, kind, value) USING (record_type, kind, value)
"""
_FORGET = "DELETE FROM match_keys WHERE source_record = ANY(%s)"
_INSERT = """
INSERT INTO match_keys (record_type, kind, value, source_record, golden, system)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
"""


@dataclass(frozen=True)
class Holder:
    """A source record that carries a strong identifier, and the golden record it belongs to."""

    record_type: str
    key: MatchKey
    golden: str
    system: str
    source_record: str


def lock(connection: Connection, matters: Iterable[str]) -> None:
    """Hold what `matters` name until the transaction ends, in one order for everybody.

    Two first sightings of one thing share no row that either could lock: they meet here.
    """
    numbers = sorted({lock_number(matter) for matter in matters})
    if numbers:
        driver(connection).execute(_LOCK, (number_array(numbers),), prepare=True)


def hold_keys(connection: Connection, pairs: Iterable[tuple[str, str]]) -> None:
    """Hold (system, key) pairs: what is known and what waits under them, until the transaction ends."""
    lock(connection, (f"key/{system}/{key}" for system, key in pairs))


def holders(connection: Connection, wanted: Collection[tuple[str, MatchKey]]) -> list[Holder]:
    """Return who carries these (record type, key) pairs."""
    if not wanted:
        return []
    types = [record_type for record_type, _ in wanted]
    kinds, values = [key.kind for _, key in wanted], [key.value for _, key in wanted]
    rows = driver(connection).execute(_FIND, tuple(map(text_array, (types, kinds, values))), prepare=True)
    return [Holder(record_type, MatchKey(kind, value), *rest) for record_type, kind, value, *rest in rows]


def require_different(carried: Iterable[Iterable[MatchKey]]) -> None:
    """Refuse what gives one identifier twice in one transaction, where no lock and no look-up would tell.

    Raises ConcordError STRONG_IDENTIFIER_TAKEN.
    """
    times = Counter(key for keys in carried for key in keys)
    for key in (key for key, count in times.items() if count > 1):
        raise ConcordError(
            reasons.ERROR_REASON_STRONG_IDENTIFIER_TAKEN,
            f"another change gives the same {key.kind}",
            metadata={"identifier": key.kind},
        )


def put(connection: Connection, sources: Collection[str], held: Collection[Holder]) -> None:
    """Forget the keys of the named source records, then add `held`."""
    if sources:
        driver(connection).execute(_FORGET, (list(sources),), prepare=True)
    rows = [(h.record_type, h.key.kind, h.key.value, h.source_record, h.golden, h.system) for h in held]
    if rows:
        driver(connection).execute(_INSERT, tuple(map(text_array, zip(*rows, strict=True))), prepare=True)


def lock_number(matter: str) -> int:
    """Return the number of the advisory lock on a matter."""
    return int.from_bytes(hashlib.blake2b(matter.encode(), digest_size=8).digest(), signed=True)
