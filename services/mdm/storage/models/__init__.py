"""Match models: trained, tried out, promoted, measured; and what is scored under them."""
