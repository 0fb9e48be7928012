"""Pruning: a guarded function deletes bodies of leaves, of which another leaf says that they go; never a hash or a key.

A legal hold is in force from its first leaf to its second, which releases it. It covers the leaves of its entities, and
those that name none; a hold that names none covers everything.
"""

from services.mesh.postgres.migrations import granted_role, run_script

revision = "0006"
down_revision = "0005"

PRUNING = """
ALTER TABLE public.leaves ALTER COLUMN leaf DROP NOT NULL;
CREATE INDEX leaves_of_holds ON public.leaves (source_service, record, revision) WHERE record_type = 'legal_hold';

CREATE TABLE public.prunings (
    leaf_index bigint PRIMARY KEY,
    received_before timestamptz NOT NULL CHECK (received_before < clock_timestamp()),
    first_place bigint NOT NULL,
    last_place bigint NOT NULL CHECK (last_place >= first_place AND last_place < leaf_index),
    xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);

CREATE FUNCTION public.require_pruning_leaf() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM public.leaves WHERE leaf_index = NEW.leaf_index AND record_type = 'pruning';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no leaf says that this is pruned' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.is_held(of_entities text[]) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM public.leaves placed WHERE placed.record_type = 'legal_hold' AND placed.revision = 1
        AND (of_entities = '{}' OR placed.entities = '{}' OR placed.entities && of_entities)
        AND NOT EXISTS (SELECT FROM public.leaves released WHERE released.record_type = 'legal_hold'
            AND released.revision = 2
            AND (released.source_service, released.record) = (placed.source_service, placed.record)))
$$;

CREATE FUNCTION public.require_pruning() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM public.prunings WHERE xid = pg_current_xact_id();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'rows of % are never changed or removed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.permit_pruning() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    pruned public.leaves := OLD;
BEGIN
    pruned.leaf := NULL;
    PERFORM 1 FROM public.prunings WHERE xid = pg_current_xact_id()
        AND OLD.leaf_index BETWEEN first_place AND last_place AND OLD.received_at < received_before;
    IF NOT FOUND OR NEW IS DISTINCT FROM pruned OR public.is_held(OLD.entities) THEN
        RAISE EXCEPTION 'a leaf loses its body by its pruning only' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.prune_leaves(place bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pruned bigint;
BEGIN
    UPDATE public.leaves l SET leaf = NULL FROM public.prunings p
        WHERE p.leaf_index = place AND p.xid = pg_current_xact_id() AND l.leaf IS NOT NULL
        AND l.leaf_index BETWEEN p.first_place AND p.last_place AND l.received_at < p.received_before
        AND NOT public.is_held(l.entities);
    GET DIAGNOSTICS pruned = ROW_COUNT;
    RETURN pruned;
END $$;
REVOKE EXECUTE ON FUNCTION public.prune_leaves(bigint) FROM PUBLIC;

DROP TRIGGER refuse_rewrite ON public.leaves;
CREATE TRIGGER refuse_rewrite BEFORE DELETE OR TRUNCATE ON public.leaves
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_rewrite();
CREATE TRIGGER require_pruning BEFORE UPDATE ON public.leaves
    FOR EACH STATEMENT EXECUTE FUNCTION public.require_pruning();
CREATE TRIGGER permit_pruning BEFORE UPDATE ON public.leaves
    FOR EACH ROW EXECUTE FUNCTION public.permit_pruning();
CREATE TRIGGER require_pruning_leaf BEFORE INSERT ON public.prunings
    FOR EACH ROW EXECUTE FUNCTION public.require_pruning_leaf();
CREATE TRIGGER refuse_rewrite BEFORE UPDATE OR DELETE OR TRUNCATE ON public.prunings
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_rewrite();
"""

GRANTS = """
GRANT SELECT, INSERT (leaf_index, received_before, first_place, last_place) ON public.prunings TO {role};
GRANT EXECUTE ON FUNCTION public.prune_leaves(bigint) TO {role};
"""


def upgrade() -> None:
    """Create all of it, and let the service role prune."""
    run_script(PRUNING)
    run_script(GRANTS.format(role=granted_role()))
