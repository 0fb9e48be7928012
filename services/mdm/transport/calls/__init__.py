"""What every method of the hub makes of its call: who decides, what they may see, which response they get."""
