"""Values and rules of the chat: no I/O and no clock."""
