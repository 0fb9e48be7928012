"""The adapters' decisions, pure: what is an echo, what has to be written, what is in effect."""
