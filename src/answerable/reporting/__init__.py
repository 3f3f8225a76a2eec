"""The reporting feature."""
