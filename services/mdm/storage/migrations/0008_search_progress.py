"""How far the match tables follow the feed for record types that no match model is in force for: search reads them."""

from services.mesh.postgres.migrations import granted_role, run_script

revision = "0008"
down_revision = "0007"

PROGRESS = """
CREATE TABLE public.search_progress (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    declarations text NOT NULL,
    position bigint NOT NULL
);
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON public.search_progress TO {role};
"""


def upgrade() -> None:
    """Create the table and let the service role in."""
    run_script(PROGRESS)
    run_script(GRANTS.format(role=granted_role()))
