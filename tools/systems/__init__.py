"""The real systems around the mesh, for tests and the demo: each installed into an environment of its own."""
