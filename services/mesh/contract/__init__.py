"""What the contracts say of every call: governance, constraints, masks, filters, pages, purposes."""
