"""The hub: masters, their sources, and why they say what they say."""
