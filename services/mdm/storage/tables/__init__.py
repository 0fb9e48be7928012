"""What is derived from records: a module for each table, and for the filters and lists that are read from them."""
