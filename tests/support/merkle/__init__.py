"""The tree and its proofs as RFC 9162 defines them, word for word, and published vectors."""
