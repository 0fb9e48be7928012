"""Trees, and the postings that the chart of accounts allows."""
