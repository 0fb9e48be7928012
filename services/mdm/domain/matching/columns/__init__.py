"""Many records at once: hashes, lists and texts as columns of numbers."""
