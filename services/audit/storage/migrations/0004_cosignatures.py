"""What witnesses said of checkpoints."""

from services.mesh.postgres.migrations import granted_role, run_script

revision = "0004"
down_revision = "0003"

COSIGNATURES = """
CREATE TABLE public.cosignatures (
    tree_size bigint NOT NULL,
    witness text NOT NULL,
    key_id bytea NOT NULL CHECK (octet_length(key_id) = 4),
    line text NOT NULL,
    cosigned_at timestamptz NOT NULL,
    PRIMARY KEY (tree_size, witness, key_id)
);

CREATE TRIGGER refuse_rewrite BEFORE UPDATE OR DELETE OR TRUNCATE ON public.cosignatures
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_rewrite();
"""


def upgrade() -> None:
    """Create the table; the first cosignature of a checkpoint by a key is kept, so that bundles stay the same."""
    role = granted_role()
    run_script(COSIGNATURES)
    run_script(f"GRANT SELECT, INSERT ON public.cosignatures TO {role};")
