"""Keeps ERP systems and the hub in step."""
