"""The hub for tests: its storage, served over a real channel, and what callers do with it."""
