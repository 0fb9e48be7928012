"""Keeps SaaS applications and the hub in step."""
