"""Tryton 8.2 over JSON-RPC."""
