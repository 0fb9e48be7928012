"""Who is who: callers' tokens, a service's own, certificates, and the files that all of it comes from."""
