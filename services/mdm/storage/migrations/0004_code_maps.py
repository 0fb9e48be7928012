"""Where which codes of mapped systems are said, and how far golden records have come behind changed code maps."""

from services.mesh.postgres.migrations import granted_role, run_script

revision = "0004"
down_revision = "0003"

CODE_MAPS = """
CREATE TABLE public.coded_values (
    source_record text COLLATE "C" NOT NULL,
    code_list text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL,
    system text COLLATE "C" NOT NULL,
    golden text COLLATE "C" NOT NULL,
    canonical text COLLATE "C" NOT NULL,
    applied boolean NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (source_record, code_list, code)
);
CREATE INDEX coded_values_by_code ON public.coded_values (system, code_list, code, golden);
CREATE INDEX coded_values_unmapped ON public.coded_values (system, code_list, code) WHERE NOT applied;

CREATE TABLE public.code_map_runs (
    code_map text COLLATE "C" PRIMARY KEY,
    target_revision bigint NOT NULL,
    codes text[],
    begun boolean NOT NULL DEFAULT false,
    last_code text COLLATE "C" NOT NULL DEFAULT '',
    last text COLLATE "C" NOT NULL DEFAULT '',
    total bigint NOT NULL DEFAULT 0,
    visited bigint NOT NULL DEFAULT 0,
    changed bigint NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz
);
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON public.coded_values, public.code_map_runs TO {role};
"""


def upgrade() -> None:
    """Create both tables and let the service role in."""
    run_script(CODE_MAPS)
    run_script(GRANTS.format(role=granted_role()))
