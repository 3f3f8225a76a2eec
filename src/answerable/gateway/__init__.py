"""The gateway feature."""
