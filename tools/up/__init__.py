"""A landscape that is left running: `make up`, `make down`, `make status`."""
