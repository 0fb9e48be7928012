"""Populations of suppliers that look real, with duplicates as people make them."""
