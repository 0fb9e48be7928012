"""Erasure: a guarded function empties what ends in its erasure and is under no legal hold; holds have a table."""

from services.mesh.postgres.migrations import granted_role, run_script
from services.mesh.records.schema import ERASURE_1, grant_erasure, guard_table

revision = "0010"
down_revision = "0009"

HOLDS = guard_table("holds")


def upgrade() -> None:
    """Create the table, functions and triggers, and let the service role use them."""
    run_script(ERASURE_1)
    run_script(HOLDS)
    run_script(grant_erasure(granted_role()))
