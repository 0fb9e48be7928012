"""One package per protocol of a connected system."""
