"""AdapterService, served."""
