"""What people hand over in files, and get back in them: tables, records, codes, mappings, reports."""
