"""The store's SQL: handed to the driver as it is, one statement for any number of records."""

from typing import Final

from services.mesh.postgres.look_up import LookUp

LOCK: Final = """
SELECT r.record, r.record_type, r.revision, r.state, r.entities, k.wrapped, k.key_version
FROM records r LEFT JOIN record_keys k USING (record)
WHERE r.record = ANY(%s) ORDER BY r.record FOR UPDATE OF r
"""

# No sequence number is drawn before every head is written: the two counts run both writes to their end first, and the
# rows that take the numbers depend on them. `relay` proves its order from this.
APPEND: Final = """
WITH draft AS (
    SELECT * FROM unnest(
        %(record)s::text[], %(record_type)s::text[], %(revision)s::bigint[], %(state)s::smallint[],
        %(entities)s::text[], %(operation)s::smallint[], %(source_time)s::timestamptz[], %(body)b::bytea[],
        %(sealed)b::bytea[], %(inputs)b::bytea[], %(leaf)b::bytea[], %(wrapped)b::bytea[], %(key_version)s::int[],
        %(traceparent)s::text[]
    ) WITH ORDINALITY AS d(record, record_type, revision, state, entities, operation, source_time, body, sealed,
                           inputs, leaf, wrapped, key_version, traceparent, place)
), first AS (
    INSERT INTO records (record, record_type, revision, state, entities)
    SELECT record, record_type, 1, state, string_to_array(entities, chr(10)) FROM draft WHERE revision = 1
    ORDER BY record
    RETURNING 1
), later AS (
    UPDATE records r SET revision = d.revision, state = d.state, entities = string_to_array(d.entities, chr(10))
    FROM draft d WHERE r.record = d.record AND d.revision > 1 AND r.revision = d.revision - 1
    RETURNING 1
), keys AS (
    INSERT INTO record_keys (record, wrapped, key_version)
    SELECT record, wrapped, key_version FROM draft WHERE revision = 1
), contents AS (
    INSERT INTO revisions
        (record, revision, record_type, state, body, sealed, inputs, source_time, created_at)
    SELECT record, revision, record_type, state, body, sealed, inputs, source_time, %(now)s FROM draft
), made AS (
    INSERT INTO changes (record, revision, record_type, operation, entities, traceparent, occurred_at, leaf)
    SELECT record, revision, record_type, operation, string_to_array(entities, chr(10)), traceparent, %(now)s, leaf
    FROM draft WHERE (SELECT count(*) FROM first) + (SELECT count(*) FROM later) = %(count)s
    ORDER BY place
    RETURNING 1
)
SELECT count(*) FROM made
"""

_COLUMNS = """
SELECT v.record, v.revision, v.record_type, c.operation, v.state, c.entities, v.source_time, v.created_at, p.position,
    v.body, v.sealed, v.inputs, k.wrapped, k.key_version, clock_timestamp()
"""

_DETAILS = """
JOIN revisions v USING (record, revision)
LEFT JOIN record_keys k ON k.record = v.record
"""


def read_newest(names: str) -> str:
    """Return the statement that reads the newest revisions of the records whose names equal an SQL expression."""
    return f"""
{_COLUMNS}
FROM records r
JOIN changes c USING (record, revision)
LEFT JOIN positions p ON p.seq = c.seq
{_DETAILS}
WHERE r.record = {names}
"""


READ_NEWEST: Final = read_newest("ANY(%(names)s)")

READ_NEWEST_ONE: Final = read_newest("%(name)s")
"""The same for a single record: its plan is as good for every name, so that PostgreSQL keeps it."""

LOOK_NEWEST_UP: Final = LookUp("newest_revision", read_newest("$1"))
"""The same outside a transaction."""

READ_AS_OF: Final = f"""
{_COLUMNS}
FROM unnest(%(names)s::text[]) AS n(name)
CROSS JOIN LATERAL (
    SELECT c.* FROM changes c JOIN positions p ON p.seq = c.seq
    WHERE c.record = n.name AND p.position <= %(position)s ORDER BY c.revision DESC LIMIT 1
) AS c
JOIN positions p ON p.seq = c.seq
{_DETAILS}
"""  # noqa: S608 - constants only

READ_REVISIONS: Final = f"""
{_COLUMNS}
FROM unnest(%(names)s::text[], %(revisions)s::bigint[]) AS n(record, revision)
JOIN changes c USING (record, revision)
LEFT JOIN positions p ON p.seq = c.seq
{_DETAILS}
"""

# Whoever changed one of these records before, or after, held its lock then: its changes are numbered so.
READ_LEFT: Final = f"""
{_COLUMNS}
FROM (
    SELECT last.record, max(last.revision) AS revision FROM changes made
    JOIN changes last ON last.record = ANY(%(names)s) AND (last.seq < made.seq OR last.xid = made.xid)
    WHERE made.record = %(record)s AND made.revision = %(revision)s GROUP BY last.record
) AS n
JOIN changes c USING (record, revision)
LEFT JOIN positions p ON p.seq = c.seq
{_DETAILS}
"""  # noqa: S608 - constants

READ_REVISION: Final = f"""
{_COLUMNS}
FROM changes c
LEFT JOIN positions p ON p.seq = c.seq
{_DETAILS}
WHERE c.record = %(name)s AND c.revision = %(revision)s
"""
"""The same for a single revision."""

HISTORY: Final = f"""
{_COLUMNS}
FROM changes c
LEFT JOIN positions p ON p.seq = c.seq
{_DETAILS}
WHERE c.record = %(record)s AND (%(before)s::bigint IS NULL OR c.revision < %(before)s)
    AND (%(position)s::bigint IS NULL OR p.position <= %(position)s)
ORDER BY c.revision DESC LIMIT %(limit)s
"""

ERASE: Final = "SELECT public.erase_records(%s::text[])"
