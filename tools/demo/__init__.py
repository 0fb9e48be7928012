"""The demo: the mesh with a real ERP and a real workforce service, from an empty folder to golden records."""
