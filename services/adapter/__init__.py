"""What both adapters share: synchronisation, deliveries, quarantine; a library, not a process."""
