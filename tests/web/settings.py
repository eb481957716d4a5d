"""Settings that tests of several files give to services of their own."""

QUICK_STOP = {"PROXY_GRACEFUL_TIMEOUT": "1"}
"""Do not wait long for the idle connections of answers that a test still holds."""
