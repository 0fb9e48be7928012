"""Questions to a service's database about its own completeness."""

from collections.abc import Mapping

from sqlalchemy import Connection

from services.mesh.postgres.database import driver

_TABLES = """
SELECT c.relname, bool_or(f.proname IS NOT NULL)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgdeferrable AND t.tginitdeferred AND t.tgenabled <> 'D'
LEFT JOIN pg_proc f ON f.oid = t.tgfoid AND f.proname = 'require_change_row'
    AND f.pronamespace = 'public'::regnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%'
GROUP BY c.oid, c.relname
ORDER BY c.relname
"""

_REVISIONS_WITHOUT_CHANGE = """
SELECT v.record, v.revision FROM revisions v LEFT JOIN changes c USING (record, revision)
WHERE c.seq IS NULL ORDER BY 1, 2
"""


def tables_without_change_trigger(connection: Connection, exempt: Mapping[str, str]) -> list[str]:
    """Name every table that can change without evidence and is not in `exempt` (table → reason).

    Raises ValueError for an exemption of a table that does not exist or is guarded, or for one without a reason.
    """
    guarded = dict(driver(connection).execute(_TABLES).fetchall())
    for table, reason in exempt.items():
        if guarded.get(table) is not False:
            raise ValueError(f"{table} is exempt but does not exist or needs no exemption")
        if not reason.strip():
            raise ValueError(f"{table} is exempt without a reason")
    return [table for table, has_trigger in guarded.items() if not has_trigger and table not in exempt]


def revisions_without_change(connection: Connection) -> list[tuple[str, int]]:
    """List (record, revision) of revisions that have no change row; always empty unless triggers were bypassed."""
    rows = driver(connection).execute(_REVISIONS_WITHOUT_CHANGE).fetchall()
    return [(record, revision) for record, revision in rows]
