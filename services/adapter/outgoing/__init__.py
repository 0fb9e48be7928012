"""From the hub to a system: what changed is followed, delivered once, and looked up again after a failure."""
