"""PostgreSQL for tests: servers, migrated databases, a small record service."""
