"""House rules: what every file of the repository keeps to, beyond what ruff checks."""
