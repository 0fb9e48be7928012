"""What systems say on its way in: the one write path, batches and imports, the quarantine of what can't be taken."""
