"""Trees as they lie in records, and proposals of other ones."""
