"""The one write path, and who goes by it: what systems say, imports, quarantine, and records matched anew."""
