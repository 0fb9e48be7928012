"""Calling other services: channels, the identity that they show, and what a service is told of its peers."""
