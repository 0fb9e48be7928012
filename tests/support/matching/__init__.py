"""Suppliers whose matching is known."""
