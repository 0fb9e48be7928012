"""The record ledger, and an adapter's own tables beside it: where it stands with each system, document and delivery.

One history for every adapter; each has a database of its own.
"""

from services.mesh.postgres.migrations import granted_role, run_script
from services.mesh.records.schema import RECORDS_1, grant_service_role

revision = "0001"
down_revision = None

ADAPTER_1 = """
CREATE TABLE public.synchronizations (
    system text COLLATE "C" PRIMARY KEY,
    pull_cursor text NOT NULL DEFAULT '',
    feed_cursor bytea NOT NULL DEFAULT '',
    feed_position bigint NOT NULL DEFAULT 0,
    last_contact_time timestamptz,
    last_pull_time timestamptz,
    last_error bytea
);

CREATE TABLE public.documents (
    system text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    accepted boolean NOT NULL DEFAULT false,
    content text NOT NULL DEFAULT '',
    golden_record text COLLATE "C" NOT NULL DEFAULT '',
    golden_revision bigint NOT NULL DEFAULT 0,
    delivered jsonb NOT NULL DEFAULT '{}',
    replaced text NOT NULL DEFAULT '',
    PRIMARY KEY (system, key)
);
CREATE INDEX documents_by_golden ON public.documents (system, golden_record);

CREATE TABLE public.agenda (
    system text COLLATE "C" NOT NULL,
    golden_record text COLLATE "C" NOT NULL,
    record_type text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    position bigint NOT NULL,
    keys text[] NOT NULL,
    due date,
    awaited bigint NOT NULL DEFAULT 0,
    blocked boolean NOT NULL DEFAULT false,
    wrapped bytea,
    key_version integer,
    content bytea,
    PRIMARY KEY (system, golden_record)
);
CREATE INDEX agenda_by_due ON public.agenda (system, due, position);

CREATE TABLE public.listing (
    record text COLLATE "C" PRIMARY KEY,
    id text COLLATE "C" NOT NULL,
    record_type text COLLATE "C" NOT NULL,
    system text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    golden_record text COLLATE "C" NOT NULL,
    kind smallint NOT NULL,
    open boolean NOT NULL
);
CREATE INDEX listing_by_age ON public.listing (record_type, id);
CREATE INDEX listing_by_system ON public.listing (record_type, system, id);
CREATE INDEX listing_open ON public.listing (system, record_type, key) WHERE open;
CREATE INDEX listing_open_of_golden ON public.listing (system, record_type, golden_record) WHERE open;
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON public.synchronizations, public.documents, public.agenda, public.listing
    TO {role};
"""


def upgrade() -> None:
    """Create everything and let the service role in."""
    run_script(RECORDS_1)
    run_script(ADAPTER_1)
    run_script(grant_service_role(granted_role()))
    run_script(GRANTS.format(role=granted_role()))
