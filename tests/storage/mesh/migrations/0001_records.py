"""The record ledger alone, as every service's first migration makes it."""

from services.mesh.postgres.migrations import granted_role, run_script
from services.mesh.records.schema import RECORDS_1, grant_service_role

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the ledger and let the service role append to it."""
    run_script(RECORDS_1)
    run_script(grant_service_role(granted_role()))
