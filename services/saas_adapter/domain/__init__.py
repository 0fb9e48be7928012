"""What SaaS applications hold, said as typed records and back; pure."""
