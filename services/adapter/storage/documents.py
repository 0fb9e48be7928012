"""Documents: what the hub last answered about a key, and what was delivered to it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from services.adapter.domain.delivered import Delivered
from services.mesh.postgres.database import driver

_READ = """
SELECT key, accepted, content, golden_record, golden_revision, delivered, replaced FROM documents
WHERE system = %s AND key = ANY(%s)
"""
_OF_GOLDEN = """
SELECT key, accepted, content, golden_record, golden_revision, delivered, replaced FROM documents
WHERE system = %s AND golden_record = %s ORDER BY key
"""
_PUT = """
INSERT INTO documents (system, key, accepted, content, golden_record, golden_revision, delivered, replaced)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (system, key) DO UPDATE SET accepted = excluded.accepted, content = excluded.content,
    golden_record = excluded.golden_record, golden_revision = excluded.golden_revision, delivered = excluded.delivered,
    replaced = excluded.replaced
"""


@dataclass(frozen=True)
class KnownDocument:
    """A key of a system, as of the hub's last answer about it.

    `content` is the token of what was submitted last ("" when that was never answered), `accepted` whether the hub took
    it in. `golden_record` is what it belonged to then, `golden_revision` that record's revision.
    `replaced` is the token of an original for which a person submitted a corrected document.
    """

    key: str
    accepted: bool = False
    content: str = ""
    golden_record: str = ""
    golden_revision: int = 0
    delivered: Mapping[str, Delivered] = field(default_factory=dict)
    replaced: str = ""


def read(connection: Connection, system: str, keys: Collection[str]) -> dict[str, KnownDocument]:
    """Return what is known of these keys; those never seen come without content."""
    rows = driver(connection).execute(_READ, (system, list(keys))).fetchall()
    return {key: KnownDocument(key) for key in keys} | {row[0]: _known(row) for row in rows}


def of_golden(connection: Connection, system: str, golden_record: str) -> list[KnownDocument]:
    """Return the documents that belonged to a golden record when the hub last answered about them."""
    return [_known(row) for row in driver(connection).execute(_OF_GOLDEN, (system, golden_record))]


def put(connection: Connection, system: str, documents: Iterable[KnownDocument]) -> None:
    """Store what is known now."""
    rows = [
        (
            system,
            document.key,
            document.accepted,
            document.content,
            document.golden_record,
            document.golden_revision,
            Jsonb({path: asdict(last) for path, last in document.delivered.items()}),
            document.replaced,
        )
        for document in documents
    ]
    with driver(connection).cursor() as cursor:
        cursor.executemany(_PUT, rows)


def _known(row: tuple[Any, ...]) -> KnownDocument:
    key, accepted, content, golden_record, golden_revision, delivered, replaced = row
    last = {path: Delivered(**each) for path, each in delivered.items()}
    return KnownDocument(key, accepted, content, golden_record, golden_revision, last, replaced)
