"""Golden and source records: read, locked, made anew from what their sources say, and appended."""
