"""The web desk in a real Chromium."""
