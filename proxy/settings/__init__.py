"""The one place that reads the environment: environment over config/*.toml over default.

Every setting is a field of `Settings`; its alias is the environment variable, its name the key in
config/proxy.toml or config/limits.toml. docs/settings.md lists them all.
"""

from proxy.settings.addresses import LOOPBACK, is_origin
from proxy.settings.addresses import split as split_url
from proxy.settings.fields import ENVIRONMENT_NAMES, LARGEST_LIMIT, SIMULATED_KEY, Settings
from proxy.settings.redis_address import Place, RedisAddress, read_redis_url
from proxy.settings.sources import (
    CONFIG_DIR,
    FILE_NAMES,
    environment,
    given,
    load,
    load_for_store,
    unknown_names,
)

__all__ = [
    "CONFIG_DIR",
    "ENVIRONMENT_NAMES",
    "FILE_NAMES",
    "LARGEST_LIMIT",
    "LOOPBACK",
    "SIMULATED_KEY",
    "Place",
    "RedisAddress",
    "Settings",
    "environment",
    "given",
    "is_origin",
    "load",
    "load_for_store",
    "read_redis_url",
    "split_url",
    "unknown_names",
]
