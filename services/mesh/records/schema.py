"""The tables, triggers and grants of the record ledger, as frozen SQL for a service's first migration."""

from collections.abc import Mapping

RECORDS_1: str = ""
"""SQL script, frozen: run it once in the first migration (`op.execute(RECORDS_1)`)."""

OPERATIONAL_TABLES: Mapping[str, str] = {}
"""The ledger's own tables that need no change trigger, each with the reason; start `exempt` from it."""


def grant_service_role(role: str) -> str:
    """Return the SQL that lets `role` append and read, and lets it delete from operational tables only."""
    raise NotImplementedError


def guard_table(table: str) -> str:
    """Return the SQL that makes `table(record, revision, …)` refuse a commit without the row's change row."""
    raise NotImplementedError
