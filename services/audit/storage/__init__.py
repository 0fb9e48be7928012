"""The log of leaves in PostgreSQL; the only place of the audit that opens transactions."""
