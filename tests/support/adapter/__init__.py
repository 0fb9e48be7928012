"""Adapters for tests: connectors, systems and hubs in memory, an adapter that is served."""
