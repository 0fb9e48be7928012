"""Tryton's rows as typed records and back, one module per record type.

Each has `translate` (row → record), `express` (record → values by path) and `applied` (row and values → the row as it
should be), so that what is written reads back as what was meant. Where Tryton holds what, and our conventions for what
it has no field for, is said in `docs/how-to/tryton-and-scim.md`.
"""
