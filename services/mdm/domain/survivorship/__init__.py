"""From what sources say to what a golden record says, and why: a pure function."""
