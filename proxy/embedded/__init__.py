"""Processes that a first run and the tests start for themselves: a private Redis."""

from proxy.embedded.child import Child, ChildFailed
from proxy.embedded.redis import EmbeddedRedis, RedisServerNotFound, find_redis_server

__all__ = ["Child", "ChildFailed", "EmbeddedRedis", "RedisServerNotFound", "find_redis_server"]
