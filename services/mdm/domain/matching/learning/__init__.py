"""Where a model comes from: the population, and stewards' decisions as labels."""
