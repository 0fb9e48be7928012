"""The services of the mesh and the runtime they stand on."""
