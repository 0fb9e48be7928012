"""Since when a delivery has waited: what is on the agenda when this runs counts from then."""

from services.mesh.postgres.migrations import run_script

revision = "0002"
down_revision = "0001"

# The earlier version of the service names no such column and goes on writing rows that have it.
AGENDA_SINCE = """
ALTER TABLE public.agenda ADD COLUMN since timestamptz NOT NULL DEFAULT clock_timestamp();
"""


def upgrade() -> None:
    """Add the column."""
    run_script(AGENDA_SINCE)
