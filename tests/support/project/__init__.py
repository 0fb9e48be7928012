"""Copies of the project to change something in."""
