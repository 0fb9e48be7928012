"""The hub's database: the one write path, and the reads over records, index and crosswalk."""
