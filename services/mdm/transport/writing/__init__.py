"""What systems say: submitted, imported, quarantined, read again."""
