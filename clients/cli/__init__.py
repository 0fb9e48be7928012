"""`concord`, the command line: everything that the contracts offer to people, in a terminal of 80 columns."""
