"""Who belongs to whom: candidates, scores, components, stewards' decisions on pairs, and what waits for them."""
