"""What is registered rather than mastered: systems with their entities, and ledgers."""
