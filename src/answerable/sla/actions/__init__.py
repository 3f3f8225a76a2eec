"""What becomes of promises, and of what is promised: load, decide, store, publish."""
