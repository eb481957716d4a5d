"""The client's connection underneath WSGI: waits that notice its end, and raw bytes."""

from __future__ import annotations

import errno
import socket
import time
from typing import Any

import gevent
from gevent.socket import wait_read


class Cut(ConnectionResetError):
    """Ends the connection at once; gevent's server closes it as if the client had gone."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "cut by the script")


class ClientGone(ConnectionResetError):
    """The client has closed its side."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the client is gone")


class _Elapsed(Exception):
    """The pause is over."""


class Connection:
    """The connection of one request, beside what the WSGI server does with it."""

    __slots__ = ("_handler",)

    KEY = "simulator.connection"
    """Where the WSGI environ has it."""

    def __init__(self, handler: Any) -> None:
        """Wrap the `gevent.pywsgi.WSGIHandler` that serves it."""
        self._handler = handler

    def begin(self) -> None:
        """Send the status line and the headers now, not with the first of the body."""
        self._handler.write(b"")

    def pause(self, seconds: float) -> None:
        """Let time pass while other requests go on.

        Raises:
            ClientGone: the client went away meanwhile.
        """
        if seconds == 0:
            gevent.sleep(0)
            return
        started = time.monotonic()
        try:
            wait_read(self._handler.socket.fileno(), seconds, _Elapsed)
        except _Elapsed:
            return
        if not self._handler.socket.recv(1, socket.MSG_PEEK):
            raise ClientGone
        # It has sent its next request already, and waits.
        gevent.sleep(max(0.0, seconds - (time.monotonic() - started)))

    def send(self, data: bytes) -> None:
        """Send bytes past the WSGI server."""
        self._handler.socket.sendall(data)
