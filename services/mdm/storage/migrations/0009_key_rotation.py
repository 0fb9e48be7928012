"""Profiles tell under which key their tokens were made, to be renewed after a rotation; old imports may go."""

from services.mesh.postgres.migrations import granted_role, run_script

revision = "0009"
down_revision = "0008"

ROTATION = """
ALTER TABLE public.match_nodes ADD COLUMN token_version bigint;
"""

GRANTS = """
GRANT DELETE ON public.import_batches TO {role};
"""


def upgrade() -> None:
    """Add the column, unknown for what is there, and let the service role forget imports."""
    run_script(ROTATION)
    run_script(GRANTS.format(role=granted_role()))
