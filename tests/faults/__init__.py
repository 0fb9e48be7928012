"""Faults and load for as long as it takes to find something: `make faults`, not part of `make test`."""
