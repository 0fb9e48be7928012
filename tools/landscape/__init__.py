"""A whole landscape on one machine: Concord's four services and the real systems around them."""
