"""The history of the log's schema."""
