"""The assignment feature."""
