"""Match models: kept as governed records, tried out, and watched while they are in force."""
