"""Reads: who asks (``identity``), the keys that tell (``keyring``), and people for screens (``people``)."""
