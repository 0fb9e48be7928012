"""Which records are one thing, given what their pairs weigh and what stewards decided."""
