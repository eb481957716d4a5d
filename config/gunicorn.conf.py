"""gunicorn's settings, all taken from the service's own: see docs/settings.md."""

import sys

from proxy.domain.catalog import Catalog
from proxy.domain.personas import Personas
from proxy.errors import SettingsError
from proxy.settings import load

try:
    settings = load()
    Catalog(settings.models)
    Personas(settings.personas)
except SettingsError as error:
    sys.exit(f"chat-proxy: {error}")

bind = f"{settings.host}:{settings.port}"
workers = settings.workers
worker_class = "gevent"
worker_connections = 10_000
graceful_timeout = settings.graceful_timeout
keepalive = 75
accesslog = None
errorlog = "-"
loglevel = "warning"
control_socket_disable = True
proc_name = "chat-proxy"
