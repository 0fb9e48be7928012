"""Contents of masters: whole, random, of families."""
