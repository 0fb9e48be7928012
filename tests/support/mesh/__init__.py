"""Whole meshes, and what has to be true of them in the end."""
