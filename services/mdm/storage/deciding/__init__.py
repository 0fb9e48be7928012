"""What every decision has in common: who decides, what they may reach, its transaction, its repeat, a second person."""
