"""The adapters' own database: ledger records, and the operational tables beside them."""
