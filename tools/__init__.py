"""What a developer or a `make` target runs; nothing here is part of a service."""
