"""What methods of the hub have in common: who calls, what they may see and set, which response they get."""
