"""The way to a mesh: contexts, credentials, logging in, calls and streams of calls."""
