"""The record ledger, and the hub's own tables over it: index, match keys, crosswalk.

All three are derived from revisions and can be rebuilt from them.
"""

from services.mesh.postgres.migrations import granted_role, run_script
from services.mesh.records.schema import RECORDS_1, grant_service_role

revision = "0001"
down_revision = None

HUB_1 = """
CREATE TABLE public.record_index (
    record_type text COLLATE "C" NOT NULL,
    path text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    record text COLLATE "C" NOT NULL,
    from_revision bigint NOT NULL,
    to_revision bigint
);
CREATE INDEX record_index_now ON public.record_index (record_type, path, value, record) WHERE to_revision IS NULL;
CREATE INDEX record_index_then ON public.record_index (record_type, path, value, record) WHERE to_revision IS NOT NULL;
CREATE INDEX record_index_by_record ON public.record_index (record);

CREATE TABLE public.match_keys (
    record_type text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    source_record text COLLATE "C" NOT NULL,
    golden text COLLATE "C" NOT NULL,
    system text COLLATE "C" NOT NULL
);
CREATE INDEX match_keys_by_value ON public.match_keys (record_type, kind, value);
CREATE INDEX match_keys_by_source ON public.match_keys (source_record);

CREATE TABLE public.crosswalk (
    system text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    source_record text COLLATE "C" NOT NULL UNIQUE,
    golden text COLLATE "C" NOT NULL,
    live boolean NOT NULL,
    PRIMARY KEY (system, key)
);
CREATE INDEX crosswalk_by_golden ON public.crosswalk (golden);

CREATE INDEX records_by_type ON public.records (record_type, record);
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON public.record_index, public.match_keys, public.crosswalk TO {role};
"""


def upgrade() -> None:
    """Create everything and let the service role in."""
    run_script(RECORDS_1)
    run_script(HUB_1)
    run_script(grant_service_role(granted_role()))
    run_script(GRANTS.format(role=granted_role()))
