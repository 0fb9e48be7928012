"""Which revision the schema is at: the service asks, before it serves and as long as it does."""

from services.mesh.postgres.migrations import granted_role, run_script

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Let the service role read it."""
    run_script(f"GRANT SELECT ON public.alembic_version TO {granted_role()};")
