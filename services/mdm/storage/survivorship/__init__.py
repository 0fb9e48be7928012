"""The rules of survivorship, and golden records made anew: by other rules, or as proof of those in force."""
