"""Metrics: what a process counts, what it holds, and what its database holds. docs/metrics.md names all of them."""
