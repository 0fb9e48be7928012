"""Leaves stay in their rows: hashes can't be compressed, and trying took 7 % of PostgreSQL's time in an import."""

from services.mesh.postgres.migrations import run_script

revision = "0002"
down_revision = "0001"

IN_LINE = """
ALTER TABLE public.leaves ALTER COLUMN leaf SET STORAGE EXTERNAL;
ALTER TABLE public.leaves SET (toast_tuple_target = 8160);
"""


def upgrade() -> None:
    """Change how rows are written from now on; those that are there stay as they are."""
    run_script(IN_LINE)
