"""Words that all features share. Standard library only, no I/O."""
