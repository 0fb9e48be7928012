"""The ledger of revisioned records that every service database has: sealed content, change rows, evidence, positions.

`schema` is the tables, `store` reads and appends revisions, `sealing` keeps RESTRICTED values out of the clear, `leaf`
freezes the evidence, `relay` publishes it, `positions` is the feed's time, `idempotency` makes repeats harmless.
"""
