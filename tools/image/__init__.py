"""The container images: built by the engine that is there, on a base from a registry or one of our own making."""
