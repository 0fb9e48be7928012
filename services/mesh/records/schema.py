"""The tables, triggers and grants of the record ledger, as frozen SQL for a service's first migration.

Table and function names are spelt with their schema inside functions: a session's own temporary table of the same name
must not stand in for the real one.
"""

import re
from collections.abc import Mapping

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")

RECORDS_1 = """
CREATE TABLE public.database_identity (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    id uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO public.database_identity DEFAULT VALUES;

CREATE TABLE public.records (
    record text COLLATE "C" PRIMARY KEY,
    record_type text NOT NULL,
    revision bigint NOT NULL,
    state smallint NOT NULL,
    entities text[] NOT NULL
) WITH (fillfactor = 80);

CREATE TABLE public.revisions (
    record text COLLATE "C" NOT NULL,
    revision bigint NOT NULL CHECK (revision > 0),
    record_type text NOT NULL,
    state smallint NOT NULL,
    body bytea NOT NULL,
    sealed bytea,
    inputs bytea,
    source_time timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (record, revision)
);

CREATE TABLE public.record_keys (
    record text COLLATE "C" PRIMARY KEY,
    wrapped bytea NOT NULL,
    key_version integer NOT NULL
);

CREATE TABLE public.changes (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    record text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    record_type text NOT NULL,
    operation smallint NOT NULL,
    entities text[] NOT NULL,
    traceparent text NOT NULL,
    occurred_at timestamptz NOT NULL,
    leaf bytea NOT NULL,
    UNIQUE (record, revision)
);

CREATE TABLE public.spool (
    seq bigint PRIMARY KEY,
    xid xid8 NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE public.positions (
    position bigint PRIMARY KEY,
    seq bigint NOT NULL UNIQUE,
    transaction_end bigint NOT NULL CHECK (transaction_end >= position),
    published_at timestamptz NOT NULL,
    leaf_index bigint NOT NULL,
    leaf_hash bytea NOT NULL
);
CREATE INDEX positions_by_time ON public.positions (published_at, position);

CREATE TABLE public.feed_floor (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO public.feed_floor (position) VALUES (0);

CREATE TABLE public.idempotency (
    principal text COLLATE "C" NOT NULL,
    rpc text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    digest text NOT NULL,
    record text NOT NULL DEFAULT '',
    revision bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (principal, rpc, request_id)
) WITH (fillfactor = 80);
CREATE INDEX idempotency_by_age ON public.idempotency (created_at);

CREATE FUNCTION public.refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed or removed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION public.check_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.revision <> 1 THEN
            RAISE EXCEPTION 'a record begins with revision 1' USING ERRCODE = 'check_violation';
        END IF;
    ELSIF NEW.revision <> OLD.revision + 1 OR NEW.record <> OLD.record OR NEW.record_type <> OLD.record_type THEN
        RAISE EXCEPTION 'a record changes by its next revision only' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.require_change_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM public.changes
        WHERE record = NEW.record AND revision = NEW.revision AND xid = pg_current_xact_id();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a row of % has no change row of its own transaction', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.spool_changes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made bigint := (SELECT count(*) FROM added)
        + coalesce(nullif(current_setting('concord.changes', true), '')::bigint, 0);
BEGIN
    IF made > 1000 THEN
        RAISE EXCEPTION 'more than 1000 changes in one transaction' USING ERRCODE = 'CN001';
    END IF;
    IF EXISTS (SELECT FROM added LEFT JOIN public.revisions USING (record, revision) WHERE revisions.body IS NULL) THEN
        RAISE EXCEPTION 'a change row has no revision' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    PERFORM set_config('concord.changes', made::text, true);
    INSERT INTO public.spool (seq, xid) SELECT seq, xid FROM added;
    RETURN NULL;
END $$;

CREATE TRIGGER check_head BEFORE INSERT OR UPDATE ON public.records
    FOR EACH ROW EXECUTE FUNCTION public.check_head();
CREATE TRIGGER spool_changes AFTER INSERT ON public.changes REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION public.spool_changes();
CREATE TRIGGER refuse_rewrite BEFORE DELETE OR TRUNCATE ON public.records
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_rewrite();
CREATE TRIGGER refuse_rewrite BEFORE UPDATE OR DELETE OR TRUNCATE ON public.revisions
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_rewrite();
CREATE TRIGGER refuse_rewrite BEFORE UPDATE OR DELETE OR TRUNCATE ON public.changes
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_rewrite();
CREATE TRIGGER refuse_rewrite BEFORE UPDATE OR DELETE OR TRUNCATE ON public.positions
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_rewrite();

CREATE CONSTRAINT TRIGGER require_change_row AFTER INSERT OR UPDATE ON public.records
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.require_change_row();
CREATE CONSTRAINT TRIGGER require_change_row AFTER INSERT ON public.revisions
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.require_change_row();
"""
"""SQL script, frozen: a service's first migration runs it with `migrations.run_script`."""

ERASURE_1 = """
CREATE TABLE public.holds (
    record text COLLATE "C" PRIMARY KEY,
    revision bigint NOT NULL,
    subject text COLLATE "C" NOT NULL,
    released boolean NOT NULL
);
CREATE INDEX holds_in_force ON public.holds (subject) WHERE NOT released;

CREATE FUNCTION public.ends_in_erasure(name text) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM public.records r JOIN public.changes c USING (record, revision)
        WHERE r.record = name AND c.operation = 7)
$$;

CREATE FUNCTION public.hold_on(name text) RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT h.record FROM public.holds h WHERE NOT h.released AND (h.subject IN ('*', name)
        OR (h.subject LIKE 'entities/%' AND EXISTS (SELECT FROM public.records held, public.records r
            WHERE held.record = h.record AND r.record = name AND held.entities && r.entities)))
    ORDER BY h.record LIMIT 1
$$;

CREATE FUNCTION public.permit_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF ROW(NEW.record, NEW.revision, NEW.record_type, NEW.state, NEW.source_time, NEW.created_at)
        IS DISTINCT FROM ROW(OLD.record, OLD.revision, OLD.record_type, OLD.state, OLD.source_time, OLD.created_at)
        OR NEW.body <> '' OR NEW.sealed IS NOT NULL OR NEW.inputs IS NOT NULL
        OR NOT public.ends_in_erasure(OLD.record) OR public.hold_on(OLD.record) IS NOT NULL THEN
        RAISE EXCEPTION 'rows of % change by an erasure only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.permit_destruction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT public.ends_in_erasure(OLD.record) OR public.hold_on(OLD.record) IS NOT NULL THEN
        RAISE EXCEPTION 'keys are destroyed by an erasure only' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END $$;

CREATE FUNCTION public.erase_records(names text[]) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    emptied bigint;
BEGIN
    IF EXISTS (SELECT FROM unnest(names) AS name WHERE NOT public.ends_in_erasure(name)) THEN
        RAISE EXCEPTION 'a record does not end in its erasure' USING ERRCODE = 'restrict_violation';
    END IF;
    UPDATE public.revisions SET body = '', sealed = NULL, inputs = NULL WHERE record = ANY(names);
    GET DIAGNOSTICS emptied = ROW_COUNT;
    DELETE FROM public.record_keys WHERE record = ANY(names);
    RETURN emptied;
END $$;
REVOKE EXECUTE ON FUNCTION public.erase_records(text[]) FROM PUBLIC;

DROP TRIGGER refuse_rewrite ON public.revisions;
CREATE TRIGGER refuse_rewrite BEFORE DELETE OR TRUNCATE ON public.revisions
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_rewrite();
CREATE TRIGGER permit_erasure BEFORE UPDATE ON public.revisions
    FOR EACH ROW EXECUTE FUNCTION public.permit_erasure();
CREATE TRIGGER permit_destruction BEFORE DELETE ON public.record_keys
    FOR EACH ROW EXECUTE FUNCTION public.permit_destruction();
CREATE TRIGGER refuse_rewrite BEFORE DELETE OR TRUNCATE ON public.holds
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_rewrite();
"""
"""SQL script, frozen: what lets a service erase records, and only those that end in a revision that says so (7)."""

OPERATIONAL_TABLES: Mapping[str, str] = {
    "alembic_version": "which migrations ran; the owner alone writes it",
    "changes": "is the change row; refuses every rewrite",
    "database_identity": "written once by the migration; the service role may only read it",
    "feed_floor": "where the feed begins; removes nothing. No service moves it yet",
    "idempotency": "repeats of the last days; points at revisions, holds no content",
    "positions": "the published order of change rows; refuses every rewrite",
    "record_keys": "key material; the content that it opens is in revisions",
    "spool": "what the relay has still to publish; filled by a trigger on changes",
}
"""The ledger's own tables that need no change trigger, each with the reason; start `exempt` from it."""


def grant_service_role(role: str) -> str:
    """Return the SQL that lets `role` append and read, and lets it delete from operational tables only.

    The columns that the database fills by itself (sequence number, transaction id) are not the role's to write.
    """
    _require_name(role)
    return f"""
GRANT USAGE ON SCHEMA public TO {role};
GRANT SELECT ON public.alembic_version, public.database_identity TO {role};
GRANT SELECT, INSERT, UPDATE (revision, state, entities) ON public.records TO {role};
GRANT SELECT, INSERT ON public.revisions, public.record_keys, public.positions TO {role};
GRANT SELECT, INSERT (record, revision, record_type, operation, entities, traceparent, occurred_at, leaf)
    ON public.changes TO {role};
GRANT SELECT, DELETE ON public.spool TO {role};
GRANT SELECT, UPDATE (position) ON public.feed_floor TO {role};
GRANT SELECT, INSERT, DELETE, UPDATE (record, revision) ON public.idempotency TO {role};
"""


def grant_erasure(role: str) -> str:
    """Return the SQL that lets `role` erase by the guarded function, and keep legal holds."""
    _require_name(role)
    return f"""
GRANT SELECT, INSERT, UPDATE (revision, released) ON public.holds TO {role};
GRANT EXECUTE ON FUNCTION public.erase_records(text[]) TO {role};
"""


def guard_table(table: str) -> str:
    """Return the SQL that makes `table(record, revision, …)` refuse a commit without the row's change row."""
    _require_name(table)
    return f"""
CREATE CONSTRAINT TRIGGER require_change_row AFTER INSERT OR UPDATE ON public.{table}
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.require_change_row();
"""


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a plain SQL name: {name!r}")
