"""What the workforce SaaS adds to scim2-server: its CostCenter resource, and a start with the token in a file."""
