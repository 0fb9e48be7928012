"""The rules by which values survive, and the proof that golden records follow from them."""
