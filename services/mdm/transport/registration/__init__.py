"""What is registered rather than mastered: systems, entities, ledgers."""
