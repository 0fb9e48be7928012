"""The landscape as it is registered: systems, entities and ledgers, and the picture of all that is in force."""
