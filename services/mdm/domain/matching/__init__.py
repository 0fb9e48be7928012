"""Matching: whether two source records are one thing, with what evidence, and which groups follow."""
