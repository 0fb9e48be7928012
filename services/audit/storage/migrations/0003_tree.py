"""The log's tree: full tiles of hashes, and a signed checkpoint for every commit."""

from services.mesh.postgres.migrations import granted_role, run_script

revision = "0003"
down_revision = "0002"

TREE = """
CREATE TABLE public.tiles (
    level smallint NOT NULL CHECK (level >= 0),
    tile_index bigint NOT NULL CHECK (tile_index >= 0),
    hashes bytea NOT NULL CHECK (octet_length(hashes) = 8192),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    PRIMARY KEY (level, tile_index)
);
ALTER TABLE public.tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

CREATE TABLE public.checkpoints (
    tree_size bigint PRIMARY KEY CHECK (tree_size >= 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    note text NOT NULL,
    key_id bytea NOT NULL CHECK (octet_length(key_id) = 4),
    signed_at timestamptz NOT NULL
);

CREATE TRIGGER refuse_rewrite BEFORE UPDATE OR DELETE OR TRUNCATE ON public.tiles
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_rewrite();
CREATE TRIGGER refuse_rewrite BEFORE UPDATE OR DELETE OR TRUNCATE ON public.checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_rewrite();
"""


def upgrade() -> None:
    """Create what the sequencer writes with the leaves; for leaves that are there, it catches up when it starts."""
    role = granted_role()
    run_script(TREE)
    run_script(f"GRANT SELECT, INSERT ON public.tiles, public.checkpoints TO {role};")
