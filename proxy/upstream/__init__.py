"""ChatGPT over HTTP."""
