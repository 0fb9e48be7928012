"""The masters, one implementation for every record type: standard methods, decisions, search, and the feed."""
