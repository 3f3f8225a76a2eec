"""The sla feature."""
