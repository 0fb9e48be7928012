"""How well matching does: labelled sets, and scores of a whole population."""
