"""What leaves are found by beside record, actor and time: one narrow row a leaf, one inverted index over all terms.

The pending list is short, so that the append that empties it into the index is not a slow one.
"""

from services.mesh.postgres.migrations import granted_role, run_script

revision = "0005"
down_revision = "0004"

TERMS = """
CREATE TABLE public.leaf_terms (
    leaf_index bigint PRIMARY KEY CHECK (leaf_index >= 0),
    terms bigint[] NOT NULL
);
CREATE INDEX leaf_terms_by_term ON public.leaf_terms USING gin (terms) WITH (gin_pending_list_limit = 512);
CREATE INDEX leaves_by_type ON public.leaves (record_type, leaf_index);

CREATE TRIGGER refuse_rewrite BEFORE UPDATE OR DELETE OR TRUNCATE ON public.leaf_terms
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_rewrite();
"""


def upgrade() -> None:
    """Create the index; the service fills it from the leaves that are there before it serves."""
    run_script(TERMS)
    run_script(f"GRANT SELECT, INSERT ON public.leaf_terms TO {granted_role()};")
