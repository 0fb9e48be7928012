"""How alike values are, one by one and many at once: the same numbers."""
