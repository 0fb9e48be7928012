"""The runtime that every service stands on; it knows no service."""
