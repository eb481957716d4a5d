"""What is shipped for those who run the service, put to use."""

ON_DEMAND = {"PROXY_METRICS_TOKEN_FILE", "PROXY_REDIS_SENTINEL_PASSWORD_FILE"}
"""Secrets that not every place has; operators add them."""
