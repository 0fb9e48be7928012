"""What the hub knows without asking anybody: pure functions over the contracts' messages."""
