"""What became of the rows of imports, batch by batch: written with the rows' own transaction, never changed."""

from services.mesh.postgres.migrations import granted_role, run_script

revision = "0005"
down_revision = "0004"

IMPORTS = """
CREATE TABLE public.import_batches (
    source_import text COLLATE "C" NOT NULL,
    batch bigint NOT NULL CHECK (batch > 0),
    system text COLLATE "C" NOT NULL,
    digest text NOT NULL,
    counts integer[] NOT NULL,
    answer bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (source_import, batch)
);
-- Names are mostly random digits: compressing them costs more time than it saves room.
ALTER TABLE public.import_batches ALTER COLUMN answer SET STORAGE EXTERNAL;
"""

GRANTS = """
GRANT SELECT, INSERT ON public.import_batches TO {role};
"""


def upgrade() -> None:
    """Create the table and let the service role in."""
    run_script(IMPORTS)
    run_script(GRANTS.format(role=granted_role()))
