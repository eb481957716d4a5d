"""gunicorn's settings, all taken from the service's own: see docs/settings.md."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from proxy.domain.catalog import Catalog
from proxy.domain.personas import Personas
from proxy.errors import SettingsError
from proxy.settings import load
from proxy.telemetry.ledger import ledger
from proxy.telemetry.server import ServerLog

if TYPE_CHECKING:
    from proxy.settings import Settings

_MOST_FILES = 65_536
_M_MMAP_THRESHOLD, _LARGE_BYTES = -3, 262_144
"""mallopt(3): memory of this size and more is mapped by itself, and given back when it is freed."""
_PAGES_A_WORKER, _MORE_PAGES = 4, 16
"""At a reload workers live beside those that they replace; and then there may be more of them."""


def _checked() -> Settings:
    loaded = load()
    Catalog(loaded.models)
    Personas(loaded.personas)
    return loaded


def _allow_files() -> None:
    """Let a worker have as many connections as the system allows: each is an open file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, _MOST_FILES)), hard))


def _give_memory_back() -> None:
    """Keep glibc from raising what it maps by itself once something large was freed.

    Large answers would be cut from the heap after the first one, and leave holes: 20 of 2 MB made
    a worker grow by 22 MB for good, and by 2 MB with this. Other C libraries do not know it.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def on_starting(server: Any) -> None:
    """Reload on SIGHUP only what is well, and tell the workers of now that others follow them.

    gunicorn by itself would end the whole service over a wrong setting, and tells a worker that is
    replaced the same as one that is to stop with the service.
    """
    reload = server.handle_hup

    def reload_if_well() -> None:
        try:
            _checked()
        except SettingsError as error:
            sentence = f"chat-proxy: {error} Nothing is reloaded."
            server.log.error(sentence)  # noqa: TRY400 - the sentence says all
            return
        for pid in list(server.WORKERS):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGHUP)
        reload()

    server.handle_hup = reload_if_well


try:
    settings = _checked()
except SettingsError as error:
    sys.exit(f"chat-proxy: {error}")
_allow_files()
_give_memory_back()
ledger(settings.workers * _PAGES_A_WORKER + _MORE_PAGES)

bind = f"{settings.host}:{settings.port}"
workers = settings.workers
worker_class = "proxy.web.worker.Worker"
# Above the requests that are taken: room for refusals, for health checks, and for idle connections.
worker_connections = settings.max_requests_per_worker * 5 // 4 + 64
max_requests = settings.recycle_after
max_requests_jitter = settings.recycle_after // 10
graceful_timeout = settings.graceful_timeout
keepalive = 75
http_parser = "python"
accesslog = None
errorlog = "-"
logger_class = ServerLog
loglevel = "warning"
control_socket_disable = True
proc_name = "chat-proxy"


def pre_fork(_server: Any, worker: Any) -> None:
    """Give a new worker a page for its figures: that of one that has died, if there is any."""
    ledger().assign(worker.age)


def child_exit(_server: Any, worker: Any) -> None:
    """A worker has died: what it counted stays, what it was is over."""
    ledger().end(worker.age)


def post_worker_init(worker: Any) -> None:
    """The first worker looks at Redis; it serves all the same, and is ready when Redis is."""
    from proxy.app import look_at_store  # noqa: PLC0415 - the arbiter, which is here too, has no app

    if worker.age == 1:
        look_at_store(settings)
