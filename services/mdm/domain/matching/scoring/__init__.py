"""What pairs of records weigh under a model, one by one and many at once: the same whole numbers."""
