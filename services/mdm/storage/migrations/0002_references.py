"""Who refers to whom, and when each record is there to be referred to; derived from golden revisions."""

from services.mesh.postgres.migrations import granted_role, run_script

revision = "0002"
down_revision = "0001"

REFERENCES = """
CREATE TABLE public.reference_spans (
    record_type text COLLATE "C" NOT NULL,
    record text COLLATE "C" NOT NULL,
    path text COLLATE "C" NOT NULL,
    target_type text COLLATE "C" NOT NULL,
    target_key text COLLATE "C" NOT NULL,
    start_date date,
    end_date date
);
CREATE INDEX reference_spans_by_record ON public.reference_spans (record);
CREATE INDEX reference_spans_by_target ON public.reference_spans (target_type, target_key);

CREATE TABLE public.presences (
    record_type text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    record text COLLATE "C" PRIMARY KEY,
    start_date date,
    end_date date
);
CREATE INDEX presences_by_key ON public.presences (record_type, key);
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON public.reference_spans, public.presences TO {role};
"""


def upgrade() -> None:
    """Create both tables and let the service role in."""
    run_script(REFERENCES)
    run_script(GRANTS.format(role=granted_role()))
