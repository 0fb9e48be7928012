"""Leaves are found by record through their key's index, which begins with the service.

A second index in no order that leaves come in was the dearest part of an append to a large log: among a million leaves,
25 of PostgreSQL's 71 µs a leaf.
"""

from services.mesh.postgres.migrations import run_script

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Drop it; what the previous release asks for by record is still found, on PostgreSQL 15 more slowly meanwhile."""
    run_script("DROP INDEX public.leaves_by_record;")
