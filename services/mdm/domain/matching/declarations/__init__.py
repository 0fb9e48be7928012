"""How records of each type are matched: one default per type, whatever population it is used on."""
