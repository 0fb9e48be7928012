"""What a witness cosigns and what it refuses: pure, without network, file or clock."""
