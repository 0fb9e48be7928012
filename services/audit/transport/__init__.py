"""AuditService over gRPC: converts and calls."""
