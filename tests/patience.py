"""How long a test waits for what has to come: it costs nothing while all is well, and others want the processors."""

PATIENCE = 90.0  # seconds
