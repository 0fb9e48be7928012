"""The quality of matching on the given labelled sets, beside the best peer's."""
