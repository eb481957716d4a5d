"""Redis and nothing else: connection, keyspace, scripts and one module a noun."""
