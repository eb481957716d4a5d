"""The terminal: serve, chat, ask, sessions, keys and doctor."""
