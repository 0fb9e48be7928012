"""The drill: what an operator rehearses before it happens. Failover, backup and restore, rolling restarts."""
