"""The tickets feature."""
