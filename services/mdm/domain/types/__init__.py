"""The masters, one declaration each."""
