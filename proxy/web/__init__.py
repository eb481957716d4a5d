"""HTTP in; nothing else knows Flask."""
