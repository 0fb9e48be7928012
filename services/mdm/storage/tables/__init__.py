"""What is derived from records, or found by them: a module for each table, and the questions that it answers."""
