"""Code lists, code maps, and golden records in the codes of one system."""
