"""The audit: holds the evidence of every change in the mesh and answers for it."""
