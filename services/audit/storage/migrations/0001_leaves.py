"""The log: append only, gapless from 0, each hash checked by the database."""

from services.mesh.postgres.migrations import granted_role, run_script

revision = "0001"
down_revision = None

LOG = """
CREATE TABLE public.leaves (
    leaf_index bigint PRIMARY KEY CHECK (leaf_index >= 0),
    source_service text COLLATE "C" NOT NULL,
    record text COLLATE "C" NOT NULL,
    revision bigint NOT NULL CHECK (revision > 0),
    record_type text COLLATE "C" NOT NULL,
    actor text COLLATE "C" NOT NULL,
    entities text[] NOT NULL,
    occurred_at timestamptz NOT NULL,
    leaf bytea NOT NULL,
    leaf_hash bytea NOT NULL CHECK (leaf_hash = sha256('\\x00'::bytea || leaf)),
    received_at timestamptz NOT NULL,
    UNIQUE (source_service, record, revision)
);
CREATE INDEX leaves_by_record ON public.leaves (record, leaf_index);
CREATE INDEX leaves_by_actor ON public.leaves (actor, leaf_index);
CREATE INDEX leaves_by_time ON public.leaves USING brin (occurred_at) WITH (autosummarize = on, pages_per_range = 32);

CREATE FUNCTION public.refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed or removed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION public.require_adjoining_leaves() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    lowest bigint; highest bigint; made bigint;
BEGIN
    SELECT min(leaf_index), max(leaf_index), count(*) INTO lowest, highest, made FROM added;
    IF made = 0 THEN
        RETURN NULL;
    END IF;
    IF highest - lowest + 1 <> made
        OR (lowest > 0 AND NOT EXISTS (SELECT FROM public.leaves WHERE leaf_index = lowest - 1)) THEN
        RAISE EXCEPTION 'leaves are appended without a hole' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER refuse_rewrite BEFORE UPDATE OR DELETE OR TRUNCATE ON public.leaves
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_rewrite();
CREATE TRIGGER require_adjoining_leaves AFTER INSERT ON public.leaves REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION public.require_adjoining_leaves();
"""


def upgrade() -> None:
    """Create the log and let the service role read and append."""
    role = granted_role()
    run_script(LOG)
    run_script(f"GRANT USAGE ON SCHEMA public TO {role}; GRANT SELECT, INSERT ON public.leaves TO {role};")
