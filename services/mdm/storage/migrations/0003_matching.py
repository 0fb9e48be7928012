"""What matching works on: links with their origin, profiles under block keys, scored pairs, and the stewards' queue.

All of it is derived from source revisions, decisions and match models but for who is at work on what in the queue.
"""

from services.mesh.postgres.migrations import granted_role, run_script

revision = "0003"
down_revision = "0002"

MATCHING = """
ALTER TABLE public.crosswalk
    ADD COLUMN founded text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN origin smallint NOT NULL DEFAULT 0;

CREATE TABLE public.match_nodes (
    node bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_record text COLLATE "C" NOT NULL UNIQUE,
    record_type text COLLATE "C" NOT NULL,
    model_revision bigint NOT NULL,
    profile bytea NOT NULL,
    keys bigint[] NOT NULL
);
CREATE INDEX match_nodes_by_model ON public.match_nodes (record_type, model_revision, source_record);

CREATE TABLE public.match_blocks (
    key bigint NOT NULL,
    node bigint NOT NULL,
    PRIMARY KEY (key, node)
);

CREATE TABLE public.match_edges (
    low text COLLATE "C" NOT NULL,
    high text COLLATE "C" NOT NULL,
    millibits integer NOT NULL,
    forbidden text NOT NULL,
    PRIMARY KEY (low, high)
);
CREATE INDEX match_edges_by_high ON public.match_edges (high);

CREATE TABLE public.match_candidates (
    low text COLLATE "C" NOT NULL,
    high text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL UNIQUE,
    record_type text COLLATE "C" NOT NULL,
    millibits integer NOT NULL,
    doubt text NOT NULL,
    priority smallint NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    claimant text COLLATE "C" NOT NULL DEFAULT '',
    claimed_until timestamptz,
    PRIMARY KEY (low, high)
);
CREATE INDEX match_candidates_by_high ON public.match_candidates (high);
CREATE INDEX match_candidates_in_order ON public.match_candidates (priority, millibits DESC, id);
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE
    ON public.match_nodes, public.match_blocks, public.match_edges, public.match_candidates TO {role};
"""


def upgrade() -> None:
    """Create everything and let the service role in."""
    run_script(MATCHING)
    run_script(GRANTS.format(role=granted_role()))
