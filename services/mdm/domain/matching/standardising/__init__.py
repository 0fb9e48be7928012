"""What of a record counts when it is compared: standard forms of values, and the profile that they make."""
