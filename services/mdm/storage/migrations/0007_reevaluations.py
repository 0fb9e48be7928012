"""How far golden records follow what decides them: survivorship rules and trust ranks that changed."""

from services.mesh.postgres.migrations import granted_role, run_script

revision = "0007"
down_revision = "0006"

REEVALUATIONS = """
CREATE TABLE public.reevaluations (
    record_type text COLLATE "C" PRIMARY KEY,
    decided_by text NOT NULL,
    after text COLLATE "C" NOT NULL,
    finished boolean NOT NULL,
    examined bigint NOT NULL,
    changed bigint NOT NULL,
    started_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON public.reevaluations TO {role};
"""


def upgrade() -> None:
    """Create the table and let the service role in."""
    run_script(REEVALUATIONS)
    run_script(GRANTS.format(role=granted_role()))
