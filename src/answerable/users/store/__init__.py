"""All SQL of the users feature: ``people``, ``sessions``, ``links`` (with their mails) and ``audit``."""
