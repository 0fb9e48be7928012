"""What the witness remembers: one small file a log."""
