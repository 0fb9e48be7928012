"""The hub, as an adapter sees it: its services, its golden records, which systems it has."""
