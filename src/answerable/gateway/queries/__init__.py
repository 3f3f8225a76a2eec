"""What the gateway reads: who is asking, and how its reference page is arranged."""
