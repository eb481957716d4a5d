"""The server under the simulated ChatGPT: gevent's, with the socket within the app's reach."""

from __future__ import annotations

import resource
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

import gevent
from gevent.pywsgi import WSGIHandler, WSGIServer

from proxy.simulator.connection import Connection

if TYPE_CHECKING:
    from flask import Flask

_BACKLOG = 4_096


class _Handler(WSGIHandler):  # type: ignore[misc] # gevent has no types
    def handle(self) -> None:
        """Serve a connection, each write going out at once."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().handle()

    def get_environ(self) -> dict[str, Any]:
        """The WSGI environment, with the connection."""
        environ: dict[str, Any] = super().get_environ()
        environ[Connection.KEY] = Connection(self)
        return environ


def serve(app: Flask, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; says on one line of standard output where it listens.

    Args:
        app: what `build_app` made.
        host: the address to listen on.
        port: the port; 0 takes a free one.

    Raises:
        OSError: the address cannot be listened on.
    """
    _allow_many_connections()
    server = WSGIServer((host, port), app, backlog=_BACKLOG, handler_class=_Handler, log=None)
    server.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, server.stop)
    sys.stdout.write(f"listening on http://{host}:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


def _allow_many_connections() -> None:
    """Take as many file descriptors as may be had; each open stream is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
