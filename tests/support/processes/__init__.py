"""Processes that can be killed, those who kill them, and the load beside it."""
