"""Checks of the alert rules, and their tests by promtool."""
