"""Redis, for the commands that talk to it and not to the service."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from proxy.errors import StoreUnavailable
from proxy.settings import load_for_store
from proxy.store.connection import Store
from proxy.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def redis_store() -> Iterator[Store]:
    """The Redis that REDIS_URL names; when it cannot be asked, the command ends with a sentence."""
    logs.silence()
    store = Store(load_for_store())
    try:
        yield store
    except StoreUnavailable:
        raise click.ClickException(
            "Redis cannot be reached: is it up, and REDIS_URL right?"
        ) from None
    finally:
        store.close()
