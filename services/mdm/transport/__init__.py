"""The hub's gRPC services: they convert and call, and decide nothing."""
