"""The service's PostgreSQL: connections, statements, schema, and work that one replica does at a time."""
