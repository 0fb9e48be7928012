"""`make manifests`: render deploy/k8s and check what is rendered."""
