"""The log of leaves in PostgreSQL; the only place of the audit that opens transactions."""

from pathlib import Path

MIGRATIONS = Path(__file__).parent / "migrations"
