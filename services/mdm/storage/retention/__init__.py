"""The end of records: holds against it, erasure, and what ends by itself when its time is over."""
