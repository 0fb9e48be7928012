"""Code lists and code maps, what changed ones touch, and the runs that follow them."""
