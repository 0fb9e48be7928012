"""Codes: lists of them, maps from systems' codes to canonical ones, and the way back."""
