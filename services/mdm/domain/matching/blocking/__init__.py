"""Block keys: which records are compared at all, one by one and many at once: the same keys."""
