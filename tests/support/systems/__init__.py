"""Real systems beside the hub, with a slice of the demo's catalogue."""
