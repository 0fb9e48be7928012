"""Upgrades: the previous release beside this one, and migrations that both can live with."""
