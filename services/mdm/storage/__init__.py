"""The hub's database, in rooms with floors (ADR 31): what lies in it, what every write does, what people decide on."""
