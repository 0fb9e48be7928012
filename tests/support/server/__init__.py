"""Servers on loopback: handlers in memory, certificates, secrets, metrics."""
