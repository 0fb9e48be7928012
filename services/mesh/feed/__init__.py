"""The change feed, both ends: `reader` and `stream` serve it, `subscription` follows it."""
