"""From a system to the hub: what changed is pulled and taken in; what can't be translated is kept."""
