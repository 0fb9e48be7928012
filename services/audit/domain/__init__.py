"""What evidence is: pure, without database, network or clock."""
