"""HTTP: who asks, what is allowed, how answers and errors look. It knows no feature."""
