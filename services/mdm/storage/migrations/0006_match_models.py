"""Which match models there are, which is in force, and how far a training is; derived from the models' records."""

from services.mesh.postgres.migrations import granted_role, run_script

revision = "0006"
down_revision = "0005"

MODELS = """
CREATE TABLE public.match_models (
    record_type text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    record text COLLATE "C" NOT NULL UNIQUE,
    state smallint NOT NULL,
    phase smallint NOT NULL DEFAULT 0,
    done_count bigint NOT NULL DEFAULT 0,
    total_count bigint NOT NULL DEFAULT 0,
    heard_of timestamptz,
    PRIMARY KEY (record_type, number)
);
CREATE UNIQUE INDEX match_models_in_force ON public.match_models (record_type) WHERE state = 3;
CREATE INDEX match_models_in_training ON public.match_models (record) WHERE state = 1;
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON public.match_models TO {role};
"""


def upgrade() -> None:
    """Create the table and let the service role in."""
    run_script(MODELS)
    run_script(GRANTS.format(role=granted_role()))
