"""The witness's HTTP interface."""
